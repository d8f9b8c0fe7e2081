//! Compiles the protobuf definitions, without an installed `protoc`.

use prost::Message;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out_dir = std::env::var("OUT_DIR")?;
    let descriptors = protox::compile(FILES, ["proto"])?;
    std::fs::write(Path::new(&out_dir).join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().btree_map(".").include_file("all.rs").compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed=proto");
    Ok(())
}

const FILES: [&str; 11] = [
    "admin.proto",
    "command.proto",
    "distribution.proto",
    "error.proto",
    "internal.proto",
    "peer.proto",
    "raw_kv.proto",
    "refusal.proto",
    "state.proto",
    "transactional_kv.proto",
    "values.proto",
];
