//! What tools of others expect of any gRPC server: health and reflection.

use crate::harness::Alone;
use tokio_stream::StreamExt;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

#[tokio::test(flavor = "multi_thread")]
async fn every_service_says_that_it_serves() {
    let alone = Alone::start().await;
    let mut health = HealthClient::new(alone.channel().await);
    for service in ["", "RawKV", "TransactionalKV", "Distribution", "Admin"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.expect("the service is known").into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_can_be_listed_by_reflection() {
    let alone = Alone::start().await;
    let mut reflection = ServerReflectionClient::new(alone.channel().await);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answers = reflection.server_reflection_info(tokio_stream::once(request)).await.expect("it is there");
    let answer = answers.into_inner().next().await.expect("there is an answer").expect("it is no error");
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?} is no list")
    };
    let names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    for service in ["RawKV", "TransactionalKV", "Distribution", "Admin", "Internal"] {
        assert!(names.contains(&service), "{names:?}");
    }
}
