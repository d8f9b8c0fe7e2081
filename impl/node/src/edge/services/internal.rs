//! What other nodes say.

use crate::edge::cut::Cut;
use crate::edge::runtime::Handle;
use crate::io::Input;
use splitjob_core::id::NodeId;
use splitjob_wire::peer::PeerMessage;
use splitjob_wire::proto::internal_server::Internal;
use splitjob_wire::proto::{
    ExportRangeVersionsRequest, ExportRangeVersionsResponse, ImportRangeVersionsRequest, ImportRangeVersionsResponse,
    PeerFrame,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// The service.
pub(crate) struct InternalService {
    handle: Handle,
    doorman: Doorman,
}

/// Who is let in, and until when.
#[derive(Clone)]
pub(crate) struct Doorman {
    /// The other nodes of the cluster.
    pub(crate) others: Arc<BTreeSet<NodeId>>,
    /// Those that a test has cut off.
    pub(crate) cut: Cut,
    /// Whether the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

type Answers<T> = ReceiverStream<Result<T, Status>>;

#[tonic::async_trait]
impl Internal for InternalService {
    type ExportRangeVersionsStream = Answers<ExportRangeVersionsResponse>;
    type ExchangeStream = Answers<PeerFrame>;

    async fn export_range_versions(
        &self,
        _: Request<ExportRangeVersionsRequest>,
    ) -> Result<Response<Self::ExportRangeVersionsStream>, Status> {
        Err(Status::unimplemented(ASK_FOR_A_JOB))
    }

    async fn import_range_versions(
        &self,
        _: Request<ImportRangeVersionsRequest>,
    ) -> Result<Response<ImportRangeVersionsResponse>, Status> {
        Err(Status::unimplemented(ASK_FOR_A_JOB))
    }

    async fn exchange(&self, request: Request<Streaming<PeerFrame>>) -> Result<Response<Self::ExchangeStream>, Status> {
        // This end sends nothing: the stream is there to say why it ends.
        let (answers, stream) = mpsc::channel(1);
        let hearing = Hearing { handle: self.handle.clone(), doorman: self.doorman.clone(), from: None };
        let frames = request.into_inner();
        tokio::spawn(async move {
            if let Err(status) = hearing.hear(frames, &answers).await {
                tracing::info!(%status, "a stream of another node ends");
                let _ = answers.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

impl InternalService {
    /// The service of a node.
    pub(crate) fn new(handle: Handle, doorman: Doorman) -> InternalService {
        InternalService { handle, doorman }
    }
}

/// One stream of another node.
struct Hearing {
    handle: Handle,
    doorman: Doorman,
    /// Who it is, once a frame has said so.
    from: Option<NodeId>,
}

impl Hearing {
    async fn hear(
        mut self,
        mut frames: Streaming<PeerFrame>,
        answers: &mpsc::Sender<Result<PeerFrame, Status>>,
    ) -> Result<(), Status> {
        loop {
            let heard = tokio::select! {
                frame = frames.message() => Some(frame?),
                () = answers.closed() => return Ok(()),
                _ = self.doorman.stopping.wait_for(|stops| *stops) => {
                    return Err(Status::unavailable("the node is stopping"));
                }
                _ = self.doorman.cut.changed() => None,
            };
            match heard {
                Some(Some(frame)) => self.take(&frame)?,
                Some(None) => return Ok(()),
                None => self.check_link()?,
            }
        }
    }

    fn take(&mut self, frame: &PeerFrame) -> Result<(), Status> {
        let from = NodeId(frame.from);
        if !self.doorman.others.contains(&from) {
            return Err(Status::permission_denied(format!("node {from} is no other member of this cluster")));
        }
        if *self.from.get_or_insert(from) != from {
            return Err(Status::invalid_argument("a stream belongs to one node: open another for another"));
        }
        self.check_link()?;
        for message in &frame.messages {
            let message = PeerMessage::decode(message)
                .map_err(|error| Status::invalid_argument(format!("a message of node {from}: {error}")))?;
            self.handle.give(Input::Peer { from, message });
        }
        Ok(())
    }

    fn check_link(&self) -> Result<(), Status> {
        match self.from {
            Some(from) if self.doorman.cut.borrow().contains(&from) => {
                Err(Status::unavailable(format!("the link to node {from} is cut")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

const ASK_FOR_A_JOB: &str = "versions move between groups as part of a split job, over Exchange: start one with \
     Distribution.StartSplitMigration, and read rows with RawKV.RawScanAt";
