//! Mutual TLS, from files.

use super::settings::TlsSettings;
use std::path::{Path, PathBuf};
use thiserror::Error;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, ServerTlsConfig};

/// Why certificates can't be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// What is in the files is no certificate, or doesn't fit together.
    #[error("the certificates can't be used: {why}")]
    Unusable {
        /// What is wrong.
        why: String,
    },
}

/// Certificates that were read.
#[derive(Clone)]
pub(crate) struct Certificates {
    authority: Certificate,
    own: Identity,
    domain: String,
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError::File`].
    pub(crate) fn read(settings: &TlsSettings) -> Result<Certificates, TlsError> {
        Ok(Certificates {
            authority: Certificate::from_pem(read(&settings.authority)?),
            own: Identity::from_pem(read(&settings.certificate)?, read(&settings.key)?),
            domain: settings.domain.clone(),
        })
    }

    /// What a server shows and wants to be shown: nobody without a certificate of the authority gets in.
    pub(crate) fn of_server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new().identity(self.own.clone()).client_ca_root(self.authority.clone())
    }

    fn of_client(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .ca_certificate(self.authority.clone())
            .identity(self.own.clone())
            .domain_name(self.domain.clone())
    }
}

/// An address to connect to, with TLS if there are certificates.
///
/// # Errors
/// [`TlsError::Unusable`]; also for an address that is none.
pub(crate) fn endpoint(address: &str, certificates: Option<&Certificates>) -> Result<Endpoint, TlsError> {
    let unusable = |error: tonic::transport::Error| TlsError::Unusable { why: causes(&error) };
    let bare = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://")).unwrap_or(address);
    let scheme = if certificates.is_some() { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{bare}")).map_err(unusable)?;
    match certificates {
        Some(certificates) => endpoint.tls_config(certificates.of_client()).map_err(unusable),
        None => Ok(endpoint),
    }
}

/// An error with what caused it: the outermost one alone often says nothing.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::File { path: path.to_owned(), why: error.to_string() })
}
