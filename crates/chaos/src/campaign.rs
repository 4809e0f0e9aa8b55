//! Many runs, and one table.

use std::process::ExitCode;

use anyhow::Result;
use futures::StreamExt;

use crate::fault::Seconds;
use crate::outcome::Outcome;
use crate::run::run;
use crate::settings::Settings;

/// What became of all of them.
#[derive(Default)]
struct Total {
    runs: usize,
    good: usize,
    /// Runs that said nothing.
    broken: usize,
    tried: u64,
    durable: usize,
    lost: usize,
    duplicated: usize,
    reordered: usize,
    resurrected: usize,
    defects: usize,
}

/// Success when every run was good.
pub async fn campaign(runs: Vec<Settings>, parallel: usize, keeps: bool) -> ExitCode {
    let alone = runs.len() == 1;
    let mut total = Total::default();
    let mut outcomes = futures::stream::iter(runs)
        .map(async |settings| {
            let outcome = run(&settings, alone, keeps).await;
            (settings, outcome)
        })
        .buffered(parallel);
    if !alone {
        println!(
            "{:>20}  {:<8} {:>7} {:>7} {:>7} {:>7} {:>7}  verdict",
            "seed", "shape", "faults", "events", "listed", "late", "quiet"
        );
    }
    while let Some((settings, outcome)) = outcomes.next().await {
        total.count(&outcome);
        match outcome {
            Ok(outcome) if alone => print!("{outcome}"),
            Ok(outcome) => print!("{}", line(&outcome)),
            Err(error) => println!("{:>20}  {:<8} broken: {error:#}\nagain: {settings}", settings.seed, settings.shape),
        }
    }
    if !alone {
        println!(
            "total: {} runs, {} good, {} bad, {} broken; {} events tried, {} durable: {} lost, {} duplicated, {} reordered, \
             {} resurrected, {} defects",
            total.runs,
            total.good,
            total.runs - total.good - total.broken,
            total.broken,
            total.tried,
            total.durable,
            total.lost,
            total.duplicated,
            total.reordered,
            total.resurrected,
            total.defects,
        );
    }
    if total.good == total.runs { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Total {
    fn count(&mut self, outcome: &Result<Outcome>) {
        self.runs += 1;
        let Ok(outcome) = outcome else {
            self.broken += 1;
            return;
        };
        self.good += usize::from(outcome.is_good());
        self.tried += outcome.tried;
        self.durable += outcome.durable;
        self.lost += outcome.verdict.lost.len();
        self.duplicated += outcome.verdict.duplicated.len();
        self.reordered += outcome.verdict.reordered.len();
        self.resurrected += outcome.verdict.resurrected.len();
        self.defects += outcome.defects.len();
    }
}

fn line(outcome: &Outcome) -> String {
    let quiet = outcome.quiet_after.map_or("never".to_owned(), |after| Seconds(after).to_string());
    let verdict = if outcome.is_good() { "good".to_owned() } else { format!("BAD\n{outcome}").trim_end().to_owned() };
    format!(
        "{:>20}  {:<8} {:>7} {:>7} {:>7} {:>7} {:>7}  {verdict}\n",
        outcome.settings.seed,
        outcome.settings.shape.to_string(),
        outcome.faults,
        outcome.tried,
        outcome.listed,
        outcome.late,
        quiet,
    )
}
