//! `windlass schedule preview`: when a schedule will fire, without anything running.

use clap::Args;
use shared::{
    clock::{Clock, Timestamp},
    config::human::parse_duration,
    job::Invalid,
    schedule::{Dst, Fire, RawTiming, When},
};

use crate::{
    Result,
    args::ConfigFlags,
    exit::{Code, Failure},
    output,
    serve::schedules,
};

/// Most instants that one call lists.
const MOST: u16 = 1000;

const EXAMPLES: &str = "\
Examples:
  windlass schedule preview nightly-report
  windlass schedule preview --cron '30 2 * * *' --timezone Europe/Ljubljana --from 2026-03-28T00:00:00Z";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Preview {
    /// A schedule of the configuration; that of a pipeline is called pipeline.NAME.
    #[arg(required_unless_present_any = ["cron", "every"], conflicts_with_all = ["cron", "every"])]
    name: Option<String>,
    /// An expression of five fields, or six with seconds first.
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "every")]
    cron: Option<String>,
    /// An interval: 15m.
    #[arg(long, value_name = "LENGTH", value_parser = parse_duration)]
    every: Option<std::time::Duration>,
    /// Where the wall clock of the expression hangs: an IANA name.
    #[arg(long, value_name = "ZONE", requires = "cron")]
    timezone: Option<String>,
    /// Lists what comes after this time, in RFC 3339 [default: now].
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// How many.
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST)))]
    count: u16,
    #[command(flatten)]
    config: ConfigFlags,
}

impl Preview {
    pub(crate) fn run(self, json: bool) -> Result {
        let when = self.when()?;
        let from = self.from.unwrap_or_else(|| Clock::system().now());
        let fires = when.preview(from, usize::from(self.count));
        if json {
            return output::json(&fires);
        }
        output::table(&["local time", "UTC", ""], fires.iter().map(row))
    }

    fn when(&self) -> Result<When> {
        if let Some(name) = &self.name {
            return self.configured(name);
        }
        let raw = RawTiming {
            cron: self.cron.clone(),
            every: self.every,
            timezone: self.timezone.clone(),
            ..RawTiming::default()
        };
        let timing = raw.check().map_err(|faults| refuse(&faults))?;
        // The command line demands one of the two.
        timing
            .map(|timing| timing.when)
            .ok_or_else(|| Failure::new(Code::Usage, "say when: a name, --cron or --every"))
    }

    fn configured(&self, name: &str) -> Result<When> {
        let config = self.config.load()?.config;
        let schedules = schedules(&config).map_err(|fault| refuse(&[fault]))?;
        let known: Vec<String> = schedules.iter().map(|one| one.name.to_string()).collect();
        let found = schedules.into_iter().find(|one| one.name.as_str() == name);
        found.map(|one| one.timing.when).ok_or_else(|| {
            let known = match known.as_slice() {
                [] => "it has none".to_owned(),
                names => format!("it has {}", names.join(", ")),
            };
            let why = format!("the configuration has no schedule {name:?}; {known}");
            Failure::new(Code::Usage, why)
        })
    }
}

fn refuse(faults: &[Invalid]) -> Failure {
    let faults: Vec<String> = faults
        .iter()
        .map(|fault| format!("--{} {}", fault.field, fault.why))
        .collect();
    Failure::new(Code::Usage, faults.join("\n"))
}

fn row(fire: &Fire) -> Vec<String> {
    let note = match fire.dst {
        None => "",
        Some(Dst::Gap) => "its time is left out that day: it fires when the gap ends",
        Some(Dst::First) => "its time comes twice that day: this is the first",
        Some(Dst::Second) => "its time comes twice that day: this is the second",
    };
    vec![fire.local.clone(), fire.at.to_string(), note.to_owned()]
}
