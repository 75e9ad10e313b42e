//! Files, by way of `std::fs`: the same work as `packages/bench/src/files.rs` does.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::protocol::{FileWork, LARGE_BYTES, SMALL_BYTES, Summary};

/// Times batches in a folder. A sample is the time of one piece of work, as the batch's mean.
pub(crate) fn timed(folder: &Path, work: FileWork, batches: usize, per_batch: usize) -> Result<Summary> {
    let large = folder.join("large");
    fs::write(&large, vec![7; LARGE_BYTES])?;
    let mut samples = Vec::with_capacity(batches);
    for _ in 0..batches {
        let elapsed_ns = match work {
            FileWork::Read => read(&large, per_batch)?,
            FileWork::Append => append(&folder.join("log"), per_batch)?,
            FileWork::Small => small(folder, per_batch)?,
        };
        samples.push(elapsed_ns / per_batch as f64);
    }
    Ok(Summary::of(samples))
}

fn read(path: &Path, times: usize) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..times {
        ensure!(fs::read(path)?.len() == LARGE_BYTES, "a file has another size");
    }
    Ok(start.elapsed().as_nanos() as f64)
}

fn append(path: &Path, times: usize) -> Result<f64> {
    let bytes = vec![7; LARGE_BYTES];
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let start = Instant::now();
    for _ in 0..times {
        file.write_all(&bytes)?;
    }
    let elapsed = start.elapsed().as_nanos() as f64;
    fs::remove_file(path)?;
    Ok(elapsed)
}

fn small(folder: &Path, times: usize) -> Result<f64> {
    let paths: Vec<_> = (0..times).map(|n| folder.join(format!("small-{n}"))).collect();
    let start = Instant::now();
    for path in &paths {
        File::create(path)?.write_all(&[7; SMALL_BYTES])?;
        ensure!(fs::read(path)?.len() == SMALL_BYTES, "a file has another size");
    }
    let elapsed = start.elapsed().as_nanos() as f64;
    paths.iter().try_for_each(fs::remove_file)?;
    Ok(elapsed)
}
