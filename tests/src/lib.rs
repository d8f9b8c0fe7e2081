//! What the end-to-end tests share: the real binary, and places to run it in.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A run of the binary that has ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// What it wrote for its reader.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

/// An empty directory, gone with the value, in which the binary runs.
#[derive(Debug)]
pub struct Place(TempDir);

/// An Explorer that runs until the value is dropped.
#[derive(Debug)]
pub struct Explorer {
    child: Child,
    /// What it has found, as its first line says.
    pub found: String,
    /// The page that it says to open.
    pub link: String,
    /// Kept open: who writes into a closed pipe fails.
    _stdout: BufReader<ChildStdout>,
}

impl Place {
    /// A new one.
    pub fn new() -> Place {
        Place(TempDir::new().expect("the temporary directory takes a directory"))
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the binary here, to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Ran {
        let output = self.command(arguments).output().expect("the binary starts");
        ran(output)
    }

    /// Starts an Explorer here, on a free port, and waits until it answers.
    pub fn explore(&self, arguments: &[&str]) -> Explorer {
        let mut command = self.command(arguments);
        let mut child = command.args(["--port", "0"]).stdout(Stdio::piped()).spawn().expect("the binary starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut line = || {
            let mut line = String::new();
            stdout.read_line(&mut line).expect("it writes text");
            line.trim().to_owned()
        };
        let (found, link) = (line(), line());
        let link = link.strip_prefix("open ").map(ToOwned::to_owned);
        let link = link.unwrap_or_else(|| panic!("the Explorer doesn't say where it is, but {found:?}"));
        Explorer { child, found, link, _stdout: stdout }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        let mut entries = std::fs::read_dir(self.0.path()).expect("it is a directory");
        entries.next().is_none()
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.0.path());
        command
    }
}

impl Default for Place {
    fn default() -> Place {
        Place::new()
    }
}

impl Drop for Explorer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the repository's root")
}

/// The binary, built from the sources as they are, in the profile of the test.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().expect("a running program has a path");
        // target/PROFILE/deps/TEST
        let profile = test.ancestors().nth(2).expect("cargo puts tests into deps");
        let target = profile.parent().expect("a profile's directory lies in target");
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // Just what the test command builds, so that nothing is built twice: a package on its own would be built with
        // other features of its dependencies.
        build.args(["test", "--no-run", "--quiet", "--workspace", "--target-dir"]).arg(target).current_dir(root());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = ran(build.output().expect("cargo starts"));
        assert_eq!(built.code, 0, "the binary doesn't build: {}", built.stderr);
        profile.join(format!("splitjob{}", std::env::consts::EXE_SUFFIX))
    })
}

fn ran(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it writes UTF-8");
    let code = output.status.code().expect("nobody killed it");
    Ran { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}
