//! Serving the page, on this machine alone.

use super::SplitJob;
use stateright::Model;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;
use thiserror::Error;

/// Why the page can't be served.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Somebody else listens there.
    #[error("port {port} is in use: choose another with --port")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The port can't be had for another reason.
    #[error("can't listen on port {port}: {source}")]
    NoPort {
        /// The port.
        port: u16,
        /// The reason.
        source: io::Error,
    },
    /// There is no directory to run in where nothing replaces the page's own files.
    #[error("can't leave the working directory, whose ui folder would replace the Explorer's pages: {0}")]
    NoDirectory(io::Error),
}

/// Makes sure that the port is free; 0 becomes one that is.
///
/// # Errors
/// If it isn't free. stateright itself would panic.
pub fn free_port(port: u16) -> Result<u16, ServeError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| {
        let is_in_use = source.kind() == io::ErrorKind::AddrInUse;
        if is_in_use { ServeError::PortInUse { port } } else { ServeError::NoPort { port, source } }
    })?;
    listener.local_addr().map(|address| address.port()).map_err(|source| ServeError::NoPort { port, source })
}

/// Serves the page until the process ends, and calls `listening` when it answers.
///
/// The process's working directory becomes `/`: stateright prefers files of a `ui` folder there to its own pages.
///
/// # Errors
/// If the port isn't free, or the working directory can't be left.
pub fn serve(job: SplitJob, port: u16, listening: impl FnOnce() + Send + 'static) -> Result<(), ServeError> {
    let port = free_port(port)?;
    leave_ui_behind().map_err(ServeError::NoDirectory)?;
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    std::thread::spawn(move || {
        name_what_was_found(address);
        listening();
    });
    let _never = job.checker().threads(1).serve(address);
    Ok(())
}

fn leave_ui_behind() -> io::Result<()> {
    std::env::set_current_dir("/")?;
    if Path::new("ui").exists() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "/ui exists"));
    }
    Ok(())
}

/// Lets the page's checker walk the paths that were found, as its button does, and waits until the page names them.
fn name_what_was_found(address: SocketAddrV4) {
    let mut has_begun = false;
    for _ in 0..ATTEMPTS {
        has_begun = has_begun || ask(address, "POST /.runtocompletion").is_ok();
        if has_begun && ask(address, "GET /.status").is_ok_and(|status| status.contains("\"done\":true")) {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

fn ask(address: SocketAddrV4, what: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let request = format!("{what} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// How often the server is asked whether it answers.
const ATTEMPTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(25);
