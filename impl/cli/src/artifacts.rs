//! Files that a command leaves behind: whole, or not at all.

use anyhow::{Context, Result};
use serde::Serialize;
use splitjob_model::check::Counterexample;
use splitjob_model::story::diagram;
use splitjob_model::trace::TraceFile;
use std::fs;
use std::path::{Path, PathBuf};

/// A JSON file that appears under its name only when it is complete.
pub(crate) struct JsonFile {
    path: PathBuf,
    draft: PathBuf,
}

impl JsonFile {
    /// Makes sure, before any work is done, that the file can be written.
    ///
    /// # Errors
    /// If it can't be.
    pub(crate) fn begin(path: &Path) -> Result<JsonFile> {
        let mut name = path.file_name().map(ToOwned::to_owned).unwrap_or_default();
        name.push(format!(".{}.draft", std::process::id()));
        let draft = path.with_file_name(name);
        anyhow::ensure!(!path.is_dir(), "can't write {}: it is a directory", path.display());
        fs::write(&draft, "").with_context(|| format!("can't write {}", path.display()))?;
        Ok(JsonFile { path: path.to_owned(), draft })
    }

    /// Writes the value.
    ///
    /// # Errors
    /// If the file can't be written after all.
    pub(crate) fn finish(self, value: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_string_pretty(value)?;
        text.push('\n');
        let written = fs::write(&self.draft, text).and_then(|()| fs::rename(&self.draft, &self.path));
        written.with_context(|| format!("can't write {}", self.path.display()))
    }
}

/// Writes a counterexample as trace and as diagram; says where.
///
/// # Errors
/// If either can't be written; neither is then.
pub(crate) fn counterexample(dir: &Path, found: &Counterexample) -> Result<[PathBuf; 2]> {
    let gap = found.gap.map_or_else(String::new, |gap| format!("-{}", gap.name));
    let name = format!("{}{gap}-{}", found.scenario.name, found.violates);
    let paths = ["json", "svg"].map(|kind| dir.join(format!("{name}.{kind}")));
    let texts = [TraceFile::of(found).to_json(), diagram::svg(&found.story(), &title(found))];
    fs::create_dir_all(dir).with_context(|| format!("can't make the directory {}", dir.display()))?;
    for (written, (path, text)) in paths.iter().zip(&texts).enumerate() {
        if let Err(error) = fs::write(path, text) {
            for path in &paths[..written] {
                let _gone = fs::remove_file(path);
            }
            return Err(error).with_context(|| format!("can't write {}", path.display()));
        }
    }
    Ok(paths)
}

fn title(found: &Counterexample) -> String {
    let gap = found.gap.map_or_else(String::new, |gap| format!(" {}", gap.told()));
    format!("{}{gap}: {}", found.scenario.name, found.summary())
}

impl Drop for JsonFile {
    fn drop(&mut self) {
        // It is gone already if the file was finished.
        let _gone = fs::remove_file(&self.draft);
    }
}
