//! What every operator's command works with: the API it speaks to, and where it prints.

use clap::Args;
use reqwest::Url;
use shared::clock::{Clock, Timestamp};

use super::{
    client::{Answer, Client, Request},
    problem::Words,
};
use crate::{Result, args::Format, output::Printer};

/// Where the API is, and how answers are printed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Where the API answers.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "WINDLASS_SERVER",
        default_value = "http://127.0.0.1:7400",
        value_parser = server_url,
    )]
    pub(crate) server: Url,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// An API and two streams.
#[derive(Debug)]
pub(crate) struct Desk {
    client: Client,
    clock: Clock,
    pub(crate) printer: Printer,
}

impl Desk {
    /// For a command of this process.
    ///
    /// # Errors
    /// When no client can be made.
    pub(crate) fn open(connection: &Connection) -> Result<Self> {
        let client = Client::new(connection.server.clone())?;
        let printer = Printer::new(connection.format.json);
        Ok(Self::of(client, Clock::system(), printer))
    }

    /// Of these parts.
    pub(crate) fn of(client: Client, clock: Clock, printer: Printer) -> Self {
        Self {
            client,
            clock,
            printer,
        }
    }

    /// Whether answers are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        self.printer.json
    }

    /// This machine's time: ages are told by it, nothing is decided by it.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Asks the API; a refusal is told in the words of the command line.
    ///
    /// # Errors
    /// When there is no answer, or a problem.
    ///
    /// # Cancel safety
    /// The API may have acted on a request that was dropped.
    pub(crate) async fn ask(&self, request: Request, words: Words<'_>) -> Result<Answer> {
        let answer = self.client.send(&request).await;
        answer.map_err(|error| error.told(words))
    }

    /// Asks, and prints the answer as it is where JSON is wanted; otherwise it is for the caller
    /// to show.
    ///
    /// # Errors
    /// As [`Desk::ask`].
    ///
    /// # Cancel safety
    /// As [`Desk::ask`].
    pub(crate) async fn show(
        &mut self,
        request: Request,
        words: Words<'_>,
    ) -> Result<Option<Answer>> {
        let answer = self.ask(request, words).await?;
        if self.json() {
            self.printer.document(answer.text())?;
            return Ok(None);
        }
        Ok(Some(answer))
    }
}

/// Reads the address of an API; `http://` may be left out.
fn server_url(text: &str) -> Result<Url, String> {
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url: Url = whole
        .parse()
        .map_err(|error| format!("{error}; such as http://127.0.0.1:7400"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("neither http:// nor https://".to_owned());
    }
    if !url.has_host() || url.query().is_some() || url.fragment().is_some() {
        return Err("not the plain address of a server, such as http://127.0.0.1:7400".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a password, which the API does not ask for".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_a_scheme() {
        for (text, url) in [
            ("http://127.0.0.1:7400", "http://127.0.0.1:7400/"),
            ("localhost:7400", "http://localhost:7400/"),
            ("[::1]:7400", "http://[::1]:7400/"),
            (
                "https://jobs.example.com/windlass",
                "https://jobs.example.com/windlass",
            ),
        ] {
            assert_eq!(server_url(text).unwrap().as_str(), url);
        }
        for text in [
            "",
            "ftp://x",
            "http://a?b",
            "http://a#b",
            "http://u:p@host",
            "http://",
        ] {
            assert!(server_url(text).is_err(), "{text}");
        }
    }
}
