//! Lines of text of a known width, without a font at hand.

/// Breaks the text into lines of at most `width` pixels at `size` pixels a letter; words that are too long are cut.
pub(crate) fn lines(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace().flat_map(|word| pieces(word, size, width)) {
        let joined = if line.is_empty() { word.clone() } else { format!("{line} {word}") };
        if line.is_empty() || self::width(&joined, size) <= width {
            line = joined;
        } else {
            lines.push(std::mem::replace(&mut line, word));
        }
    }
    lines.push(line);
    lines
}

/// About how wide the text is; rather too wide than too narrow.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// The text with the characters that mean something in XML replaced.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

fn pieces(word: &str, size: f64, most: f64) -> Vec<String> {
    if width(word, size) <= most {
        return vec![word.to_owned()];
    }
    let mut pieces = vec![String::new()];
    let mut used = 0.0;
    for letter in word.chars() {
        let wide = em(letter) * size;
        if used + wide > most && used > 0.0 {
            pieces.push(String::new());
            used = 0.0;
        }
        used += wide;
        if let Some(piece) = pieces.last_mut() {
            piece.push(letter);
        }
    }
    pieces
}

/// Widths of the letters of common sans-serif fonts, in parts of the letter size.
fn em(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '(' | ')' | '[' | ']' | ' ' => 0.35,
        'f' | 't' | 'r' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '→' => 0.98,
        'A'..='Z' | '−' | '+' | '=' | '_' => 0.73,
        _ => 0.62,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_asked_for() {
        let text = "migrator 1 → source: arm read fence for catalog v3 aVeryLongWordThatNobodyCouldEverFitOnOneLine";
        for line in lines(text, 12.0, 120.0) {
            assert!(width(&line, 12.0) <= 120.0, "{line:?}");
        }
    }

    #[test]
    fn markup_in_a_key_stays_text() {
        assert_eq!(escaped("<b>&\"x\"</b>"), "&lt;b&gt;&amp;&quot;x&quot;&lt;/b&gt;");
    }
}
