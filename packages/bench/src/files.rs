//! Files, by way of the guest library.

use std::io::Write;
use std::time::Instant;

use wharf_process_lib::Address;
use wharf_process_lib::vfs::{self, File, OpenOptions};

use crate::protocol::{FileWork, LARGE_BYTES, SMALL_BYTES, Summary};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Times batches. A sample is the time of one piece of work, as the batch's mean.
pub(crate) fn timed(our: &Address, work: FileWork, batches: usize, per_batch: usize) -> Result<Summary> {
    let folder = vfs::create_drive(&our.process().package_id(), "tmp")?;
    let large = format!("{folder}/large");
    vfs::write(&large, vec![7; LARGE_BYTES])?;
    let mut samples = Vec::with_capacity(batches);
    for _ in 0..batches {
        let elapsed_ns = match work {
            FileWork::Read => read(&large, per_batch)?,
            FileWork::Append => append(&format!("{folder}/log"), per_batch)?,
            FileWork::Small => small(&folder, per_batch)?,
        };
        samples.push(elapsed_ns / per_batch as f64);
    }
    Ok(Summary::of(samples))
}

fn read(path: &str, times: usize) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..times {
        same_size(LARGE_BYTES, vfs::read(path)?.len())?;
    }
    Ok(start.elapsed().as_nanos() as f64)
}

fn append(path: &str, times: usize) -> Result<f64> {
    let bytes = vec![7; LARGE_BYTES];
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let start = Instant::now();
    for _ in 0..times {
        file.write_all(&bytes)?;
    }
    let elapsed = start.elapsed().as_nanos() as f64;
    vfs::remove_file(path)?;
    Ok(elapsed)
}

fn small(folder: &str, times: usize) -> Result<f64> {
    let paths: Vec<_> = (0..times).map(|n| format!("{folder}/small-{n}")).collect();
    let start = Instant::now();
    for path in &paths {
        File::create(path)?.write_all(&[7; SMALL_BYTES])?;
        same_size(SMALL_BYTES, vfs::read(path)?.len())?;
    }
    let elapsed = start.elapsed().as_nanos() as f64;
    paths.iter().try_for_each(|path| vfs::remove_file(path))?;
    Ok(elapsed)
}

fn same_size(expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(format!("{found} bytes were read instead of {expected}").into()) }
}
