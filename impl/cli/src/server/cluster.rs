//! A cluster of real processes on loopback: started, killed by their ids, cut off from one another, started again.

use splitjob_node::api::{ClientRequest, NodeError};
use splitjob_node::client::{Client, ClientOptions};
use splitjob_node::edge::TlsError;
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Processes of one cluster; all of them end with the value.
#[derive(Debug)]
pub struct Cluster {
    binary: PathBuf,
    folder: PathBuf,
    voters: Vec<u64>,
    /// What every process is started with besides its own addresses.
    arguments: Vec<String>,
    nodes: BTreeMap<u64, Process>,
}

#[derive(Debug)]
struct Process {
    listen: SocketAddr,
    http: SocketAddr,
    /// What this process alone is started with.
    arguments: Vec<String>,
    child: Option<Child>,
}

impl Cluster {
    /// `voters` nodes that begin the cluster, and `spare` more that may join later; none is started yet. `binary` is
    /// `splitjob`, the data goes into `folder`.
    ///
    /// # Errors
    /// No port is free, or the folder can't be used.
    pub fn new(binary: &Path, folder: &Path, voters: u64, spare: u64, arguments: &[&str]) -> io::Result<Cluster> {
        std::fs::create_dir_all(folder)?;
        // All are taken at once, so that no two are the same.
        let taken: Vec<TcpListener> =
            (0..2 * (voters + spare)).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<_>>()?;
        let addresses: Vec<SocketAddr> = taken.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        let processes = addresses.chunks(2).map(|pair| Process {
            listen: pair[0],
            http: pair[1],
            arguments: Vec::new(),
            child: None,
        });
        Ok(Cluster {
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            voters: (1..=voters).collect(),
            arguments: arguments.iter().map(|one| (*one).to_owned()).collect(),
            nodes: (1..).zip(processes).collect(),
        })
    }

    /// Starts every node that votes from the beginning.
    ///
    /// # Errors
    /// A process can't be started.
    pub fn start_all(&mut self) -> io::Result<()> {
        self.voters.clone().into_iter().try_for_each(|node| self.start(node))
    }

    /// Starts a node that isn't running.
    ///
    /// # Errors
    /// The process can't be started.
    pub fn start(&mut self, node: u64) -> io::Result<()> {
        let members = self.nodes.iter().map(|(id, one)| format!("{id}={}", one.listen)).collect::<Vec<_>>();
        let voters = self.voters.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log(node))?;
        let data = self.data(node);
        let process = self.nodes.get_mut(&node).ok_or_else(|| io::Error::other(format!("there is no node {node}")))?;
        let mut command = Command::new(&self.binary);
        command.arg("serve").args(["--node", &node.to_string(), "--voters", &voters]).arg("--data").arg(data);
        command.args(["--listen", &process.listen.to_string(), "--http", &process.http.to_string()]);
        for member in &members {
            command.args(["--member", member]);
        }
        command.args(&self.arguments).args(&process.arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        process.child = Some(command.spawn()?);
        Ok(())
    }

    /// What a node alone is started with from its next start on.
    pub fn set_arguments(&mut self, node: u64, arguments: &[&str]) {
        if let Some(process) = self.nodes.get_mut(&node) {
            process.arguments = arguments.iter().map(|one| (*one).to_owned()).collect();
        }
    }

    /// Kills a node's process, without a word to it (`kill -9`).
    pub fn kill(&mut self, node: u64) {
        if let Some(mut child) = self.nodes.get_mut(&node).and_then(|process| process.child.take()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The nodes that run.
    pub fn running(&mut self) -> Vec<u64> {
        let is_running =
            |process: &mut Process| process.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)));
        self.nodes.iter_mut().filter_map(|(node, process)| is_running(process).then_some(*node)).collect()
    }

    /// Cuts the links between a node and others, on both sides, as if the network were gone; an empty list mends them.
    ///
    /// # Errors
    /// The file that says so can't be written.
    pub fn cut(&self, node: u64, from: &[u64]) -> io::Result<()> {
        let line = |nodes: &[u64]| nodes.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
        std::fs::write(self.data(node).join("cut"), line(from))?;
        let others = self.nodes.keys().copied().filter(|other| *other != node);
        for other in others {
            let cut: &[u64] = if from.contains(&other) { &[node] } else { &[] };
            if self.data(other).exists() {
                std::fs::write(self.data(other).join("cut"), line(cut))?;
            }
        }
        Ok(())
    }

    /// Where a node's data lies.
    pub fn data(&self, node: u64) -> PathBuf {
        self.folder.join(format!("node-{node}"))
    }

    /// What a node's process has written.
    pub fn log(&self, node: u64) -> PathBuf {
        self.folder.join(format!("node-{node}.log"))
    }

    /// Where a node serves gRPC.
    pub fn endpoint(&self, node: u64) -> String {
        self.nodes[&node].listen.to_string()
    }

    /// Where a node serves metrics and the page of jobs.
    pub fn http(&self, node: u64) -> SocketAddr {
        self.nodes[&node].http
    }

    /// Where the nodes that began the cluster serve gRPC.
    pub fn endpoints(&self) -> Vec<String> {
        self.voters.iter().map(|node| self.endpoint(*node)).collect()
    }

    /// A client of all nodes that began the cluster.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn client(&self) -> Result<Client, TlsError> {
        Client::connect(self.endpoints(), &ClientOptions::default())
    }

    /// Waits until the cluster answers, for at most so long.
    ///
    /// # Errors
    /// The last refusal.
    pub async fn ready(&self, patience: Duration) -> Result<(), NodeError> {
        let client = self.client().map_err(|error| NodeError::Invalid { what: error.to_string() })?;
        let begun = Instant::now();
        let request = ClientRequest::Latest { key: "ready".into(), routed_by: None };
        loop {
            match client.ask(request.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) if begun.elapsed() > patience => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// The memory that a node's process holds, in kilobytes; absent where the system doesn't say.
    pub fn memory_kb(&self, node: u64) -> Option<u64> {
        let id = self.nodes.get(&node)?.child.as_ref()?.id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let nodes: Vec<u64> = self.nodes.keys().copied().collect();
        nodes.into_iter().for_each(|node| self.kill(node));
    }
}
