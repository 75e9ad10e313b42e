//! A file, written and read block by block through `std::fs`. The guests and `wharf-bench` compile this file: what is
//! compared is the same code.

use std::fs::File;
use std::io::{Read, Result, Write};
use std::path::Path;
use std::time::Instant;

use crate::protocol::Summary;

/// Blocks that are timed as one.
const BATCH: usize = 16;

/// Writes a new file. The time of one block.
pub(crate) fn write(path: &Path, block_bytes: usize, blocks: usize) -> Result<Summary> {
    let mut file = File::create(path)?;
    let block = vec![7; block_bytes];
    timed(blocks, || file.write_all(&block))
}

/// Reads a file that was written. The time of one block.
pub(crate) fn read(path: &Path, block_bytes: usize, blocks: usize) -> Result<Summary> {
    let mut file = File::open(path)?;
    let mut block = vec![0; block_bytes];
    timed(blocks, || file.read_exact(&mut block))
}

fn timed(blocks: usize, mut work: impl FnMut() -> Result<()>) -> Result<Summary> {
    let mut samples = Vec::new();
    for _ in 0..blocks / BATCH {
        let start = Instant::now();
        for _ in 0..BATCH {
            work()?;
        }
        samples.push(start.elapsed().as_nanos() as f64 / BATCH as f64);
    }
    Ok(Summary::of(samples))
}
