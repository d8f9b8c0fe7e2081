//! Mutual TLS: who has no certificate of the authority is neither a client nor a node.

use crate::harness::{Alone, get, put, values, written};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use splitjob_node::api::NodeError;
use splitjob_node::client::{Client, ClientOptions};
use splitjob_node::edge::TlsSettings;
use splitjob_wire::proto;
use splitjob_wire::proto::raw_kv_client::RawKvClient;
use std::path::Path;
use tempfile::TempDir;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

/// An authority in a directory of its own, and one certificate by it.
fn certificates(dir: &Path) -> TlsSettings {
    let mut authority = CertificateParams::new(Vec::new()).expect("no name is wrong");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key can be made");
    let authority = CertifiedIssuer::self_signed(authority, key).expect("an authority can be made");
    let key = KeyPair::generate().expect("a key can be made");
    let own = CertificateParams::new(vec!["splitjob".to_owned()]).expect("the name is one");
    let own = own.signed_by(&key, &authority).expect("it can be signed");
    let write = |name: &str, text: String| {
        let path = dir.join(name);
        std::fs::write(&path, text).expect("the file can be written");
        path
    };
    TlsSettings {
        authority: write("authority.pem", authority.pem()),
        certificate: write("own.pem", own.pem()),
        key: write("own.key", key.serialize_pem()),
        domain: "splitjob".to_owned(),
    }
}

fn dir() -> TempDir {
    tempfile::tempdir().expect("a directory can be made")
}

async fn serve(tls: &TlsSettings) -> Alone {
    let tls = tls.clone();
    Alone::start_with(|settings| settings.tls = Some(tls)).await
}

fn client_with(alone: &Alone, tls: Option<TlsSettings>) -> Client {
    let options = ClientOptions { tls, ..ClientOptions::default() };
    Client::pinned(&alone.server.addr().to_string(), &options).expect("the certificates can be used")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_certificate_of_the_authority_is_served() {
    let dir = dir();
    let tls = certificates(dir.path());
    let alone = serve(&tls).await;
    let client = client_with(&alone, Some(tls));
    written(client.ask(put("k", "v")).await);
    assert_eq!(values(client.ask(get("k")).await), [b"v"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_tls_or_of_another_authority_is_refused() {
    let (ours, theirs) = (dir(), dir());
    let tls = certificates(ours.path());
    let alone = serve(&tls).await;
    let other = TlsSettings { authority: tls.authority.clone(), ..certificates(theirs.path()) };
    for stranger in [client_with(&alone, None), client_with(&alone, Some(other))] {
        let error = stranger.ask(put("k", "v")).await.expect_err("it is refused");
        assert!(matches!(error, NodeError::Unavailable { .. } | NodeError::Unknown { .. }), "{error}");
    }
    assert!(values(client_with(&alone, Some(tls)).ask(get("k")).await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_trusts_the_server_and_shows_no_certificate_is_refused() {
    let dir = dir();
    let tls = certificates(dir.path());
    let alone = serve(&tls).await;
    let authority = std::fs::read(&tls.authority).expect("the file was written");
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)).domain_name("splitjob");
    let endpoint = Endpoint::from_shared(format!("https://{}", alone.server.addr())).expect("the address is one");
    let channel = endpoint.tls_config(config).expect("the certificate can be read").connect_lazy();
    let request = proto::RawGetRequest { key: b"k".to_vec(), ..Default::default() };
    RawKvClient::new(channel).raw_get(request).await.expect_err("it is refused");
}

#[test]
fn certificates_that_are_not_there_are_named() {
    let gone = TlsSettings {
        authority: "nowhere.pem".into(),
        certificate: "nowhere.pem".into(),
        key: "nowhere.key".into(),
        domain: "splitjob".to_owned(),
    };
    let options = ClientOptions { tls: Some(gone), ..ClientOptions::default() };
    let error = Client::pinned("127.0.0.1:1", &options).err().expect("there is no such file");
    assert!(error.to_string().contains("nowhere.pem"), "{error}");
}
