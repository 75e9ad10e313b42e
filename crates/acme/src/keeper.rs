//! The task that keeps a certificate: when to ask for one, and what became of it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::certificate::{self, Validity};
use crate::challenges::Challenges;
use crate::issue::{IssueError, Issuer};
use crate::kept::{Issued, Keep, Kept};
use crate::schedule::{Retry, renew_at};
use crate::settings::{AcmeSettings, Names};
use crate::status::Status;
use crate::transport::Transport;

/// How long getting one certificate may take in all.
const ORDER_MAX: Duration = Duration::from_secs(900);
/// Clocks are set and machines sleep: how often the time is looked at, whatever there is to wait for.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// Where certificates are used, and shown.
pub trait Deploy: Send + Sync {
    /// Uses this one from now on, for new connections.
    fn deploy(&self, issued: &Issued) -> Result<(), String>;
    /// Shows how it stands. Blocks on the disk.
    fn show(&self, status: &Status);
}

/// What a keeper needs.
pub struct KeeperParts {
    /// What the owner settled.
    pub settings: AcmeSettings,
    /// For which names.
    pub names: Names,
    /// The way to the authority.
    pub transport: Transport,
    /// Where tokens are answered.
    pub challenges: Challenges,
    /// Where secrets are kept.
    pub keep: Arc<dyn Keep>,
}

/// Keeps a certificate for as long as [`Keeper::keep`] runs.
pub struct Keeper {
    issuer: Issuer,
    /// What is in use, if an authority gave it.
    issued: Option<Issued>,
    /// When it is good, and when to renew it.
    times: Option<(Validity, i64)>,
    retry: Retry,
}

impl Keeper {
    /// Looks at what is kept. What cannot be read is as if it were not there, but for the log. Blocks on the disk.
    pub fn open(parts: KeeperParts) -> Self {
        let KeeperParts { settings, names, transport, challenges, keep } = parts;
        let kept = Kept(keep);
        let issued = kept.load_issued().unwrap_or_else(|error| {
            tracing::warn!(%error, "the certificate that was kept cannot be read; another one is asked for");
            None
        });
        // The validity of one that is for other names is of no use, but it stays in use until there is another.
        let validity = issued.as_ref().and_then(|issued| {
            let checked = certificate::check(&issued.certificate, &issued.key, &issued.names);
            checked.inspect_err(|error| tracing::warn!(%error, "the certificate that was kept is no good")).ok()
        });
        let issued = issued.filter(|_| validity.is_some());
        let is_wanted = issued.as_ref().is_some_and(|issued| issued.is_for(&settings.directory, &names));
        let times = validity.map(|validity| {
            let renewal = if is_wanted { renew_at(validity, jitter()) } else { i64::MIN };
            (validity, renewal)
        });
        let retry = Retry::new(settings.retry_wait(), settings.retry_wait_max());
        Self { issuer: Issuer { settings, names, transport, challenges, kept }, issued, times, retry }
    }

    /// The certificate that was kept.
    pub fn issued(&self) -> Option<&Issued> {
        self.issued.as_ref()
    }

    /// Gets certificates in time until `stop`.
    pub async fn keep(mut self, deploy: Arc<dyn Deploy>, stop: CancellationToken) {
        stop.run_until_cancelled(self.keep_on(&deploy)).await;
    }

    async fn keep_on(&mut self, deploy: &Arc<dyn Deploy>) {
        let mut problem = None;
        let mut not_before = Instant::now();
        loop {
            let wait = self.due_in().max(not_before.saturating_duration_since(Instant::now()));
            let next_try = problem.is_some().then(|| now().saturating_add(seconds(wait)));
            self.show(deploy, problem.clone(), next_try).await;
            if !wait.is_zero() {
                tokio::time::sleep(wait.min(LOOK_EVERY)).await;
                continue;
            }
            match self.renew(deploy.as_ref()).await {
                Ok(()) => {
                    self.retry.worked();
                    // Also when the next one is due already: an authority is never asked without a pause.
                    not_before = Instant::now() + self.issuer.settings.retry_wait();
                    problem = None;
                }
                Err(error) => {
                    let wait = self.retry.failed(jitter());
                    not_before = Instant::now() + wait;
                    let again_in_s = wait.as_secs();
                    tracing::warn!(again_in_s, "no certificate from {}: {error}", self.issuer.settings.directory);
                    problem = Some(error);
                }
            }
        }
    }

    /// A kill, or a full disk, may have come between a certificate's use and the end of its order. Going on with that order
    /// would bring the same certificate again.
    async fn forget_finished_order(&self) {
        let Some(issued) = &self.issued else { return };
        let kept = &self.issuer.kept;
        let forgotten = match kept.order().await {
            Ok(Some(order)) if order.key == issued.key => kept.forget_order().await,
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        log_disk(forgotten);
    }

    /// How long until a certificate is due.
    fn due_in(&self) -> Duration {
        let Some((_, renewal)) = self.times else { return Duration::ZERO };
        Duration::from_secs(u64::try_from(renewal.saturating_sub(now())).unwrap_or_default())
    }

    async fn renew(&mut self, deploy: &dyn Deploy) -> Result<(), String> {
        self.forget_finished_order().await;
        let obtained = tokio::time::timeout(ORDER_MAX, self.issuer.obtain()).await;
        let obtained = obtained.map_err(|_| format!("it took longer than {} s", ORDER_MAX.as_secs()))?;
        let (issued, validity) = obtained.map_err(|error| error.to_string())?;
        let renewal = renew_at(validity, jitter());
        if validity.not_after <= now() {
            log_disk(self.issuer.kept.forget_order().await);
            return Err(IssueError::TooOld(validity).to_string());
        }
        // In use at once: what cannot be written does not keep it from being used, but from being there after a start.
        deploy.deploy(&issued)?;
        let saved = self.issuer.kept.save_issued(&issued).await;
        tracing::info!(names = ?self.issuer.names.as_slice(), until = validity.not_after, "a certificate was issued");
        self.issued = Some(issued);
        self.times = Some((validity, renewal));
        saved.map_err(|error| format!("the certificate is in use, but cannot be kept: {error}"))?;
        log_disk(self.issuer.kept.forget_order().await);
        Ok(())
    }

    async fn show(&self, deploy: &Arc<dyn Deploy>, problem: Option<String>, next_try: Option<i64>) {
        let status = Status {
            names: self.issuer.names.as_slice().to_vec(),
            directory: self.issuer.settings.directory.clone(),
            valid_until: self.times.map(|(validity, _)| validity.not_after),
            renewal: self.times.map(|(_, renewal)| renewal).filter(|renewal| *renewal > i64::MIN),
            problem,
            next_try,
        };
        let deploy = Arc::clone(deploy);
        let _ = tokio::task::spawn_blocking(move || deploy.show(&status)).await;
    }
}

fn log_disk(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "what belongs to the certificate cannot be kept");
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    seconds(since)
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// Nobody depends on it: without random bytes there is none.
fn jitter() -> u8 {
    let mut byte = [0];
    let _ = SystemRandom::new().fill(&mut byte);
    let [byte] = byte;
    byte
}
