//! Clusters of real processes on this machine, the load that they carry, and what clients saw of it.

pub mod cluster;
pub mod load;
pub mod moves;
pub mod recorder;

use splitjob_node::api::{AdminRequest, AdminResponse, ClientRequest, ClientResponse, NodeError};
use splitjob_node::client::Client;
use std::time::{Duration, Instant};

/// Asks as an operator.
///
/// # Errors
/// As [`Client::ask`].
pub async fn order(client: &Client, request: AdminRequest) -> Result<AdminResponse, NodeError> {
    let response = client.ask(ClientRequest::Admin(request)).await?;
    let ClientResponse::Admin(response) = response else {
        return Err(NodeError::Invalid { what: format!("an operator was answered with {response:?}") });
    };
    Ok(response)
}

/// As [`order`], again and again while the cluster can't take it, for at most so long.
///
/// # Errors
/// The last refusal.
pub async fn order_when_ready(
    client: &Client,
    request: AdminRequest,
    patience: Duration,
) -> Result<AdminResponse, NodeError> {
    let begun = Instant::now();
    loop {
        match order(client, request.clone()).await {
            Err(NodeError::Unavailable { .. } | NodeError::CatalogRejected(_)) if begun.elapsed() < patience => {
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            done => return done,
        }
    }
}

const AGAIN_AFTER: Duration = Duration::from_millis(100);
