// Walks through a counterexample in the Explorer, as a person would.
//
//   node explorer.mjs LINK STEPS PROPERTY SCREENSHOT
//
// Opens the link to the end of a trace of so many steps, goes back to its first state and forward again step by step,
// and looks for the property's name where a person would look for it. Prints what it saw; any surprise ends it with 1.

import { chromium } from 'playwright-core';

const [link, stepCount, property, screenshot] = process.argv.slice(2);
const steps = Number(stepCount);
const browser = await chromium.launch({
    executablePath: process.env.SPLITJOB_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
try {
    const page = await browser.newPage({ viewport: { width: 1600, height: 1200 } });
    const complaints = [];
    page.on('pageerror', (error) => complaints.push(`the page threw ${error.message}`));
    await page.goto(link);

    // The end of the trace: the picture says what is violated, and how.
    const violated = page.locator('.splitjob-violated').first();
    await violated.waitFor({ timeout: 30_000 });
    expect(await violated.innerText(), `${property} is violated`);
    // The list of properties names it, and links to this very path.
    const counterexample = page.locator('main li', { hasText: 'Counterexample found' });
    await counterexample.first().waitFor({ timeout: 30_000 });
    const named = page.locator('main li', { hasText: `Always ${property}:` }).first();
    expect(await named.innerText(), 'Counterexample found');
    const path = new URL(link).hash;
    expect(await named.locator('a').getAttribute('href'), path);
    await page.screenshot({ path: screenshot, fullPage: true });

    // Back to the first state, then forward: each step is told, and nothing is violated before the last.
    const choices = path.replace('#/steps/0', '').split('/').filter((choice) => choice !== '');
    expect(String(choices.length), String(steps));
    await page.goto(`${new URL(link).origin}/#/steps/0`);
    await page.locator('.splitjob').first().waitFor();
    for (let step = 0; step < steps; step += 1) {
        await page.locator('.splitjob', { hasText: `The path so far: ${step} step` }).first().waitFor({ timeout: 30_000 });
        if ((await page.locator('.splitjob-violated').count()) > 0) {
            throw new Error(`something is violated after ${step} of ${steps} steps`);
        }
        const ahead = choices.slice(0, step + 1).map((choice) => `/${choice}`).join('');
        const next = page.locator('nav.main-flex-left > ul').last().locator(`a[href="#/steps/0${ahead}"]`);
        const told = (await next.first().innerText()).trim();
        if (told.length < 10) {
            throw new Error(`step ${step + 1} is told as ${JSON.stringify(told)}`);
        }
        console.log(`${step + 1}. ${told}`);
        await next.first().click();
    }
    await page.locator('.splitjob-violated', { hasText: `${property} is violated` }).first().waitFor({ timeout: 30_000 });
    // The whole state can be asked for, and is readable.
    await page.getByText('Complete State?').locator('input').check();
    expect(await page.locator('section').innerText(), 'catalog v');
    if (complaints.length > 0) {
        throw new Error(complaints.join('; '));
    }
    console.log(`${property} is violated, and named`);
} finally {
    await browser.close();
}

function expect(text, part) {
    if (!text?.includes(part)) {
        throw new Error(`${JSON.stringify(part)} is not in ${JSON.stringify(text)}`);
    }
}
