//! `webhook list`

use std::io::{BufWriter, Write, stdout};
use std::process::ExitCode;

use event::Json;
use proto::notifier::v1;

use super::shown::{condition, endpoint_tree, format, rule, time};
use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::output::{Format, object, text, write_columns, write_tree};
use crate::settings::Settings;

pub async fn run(settings: &Settings) -> Result<ExitCode, Failure> {
    let connection = Connection::open(settings).await?;
    let request = connection.request(v1::ListEndpointsRequest {});
    let listed = answer(connection.notifier().list_endpoints(request)).await;
    let listed = listed.map_err(|status| connection.failure(&status))?;
    let mut out = BufWriter::new(stdout().lock());
    write(&listed, settings.format, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn write(listed: &v1::ListEndpointsResponse, form: Format, out: &mut dyn Write) -> Result<(), Failure> {
    let v1::ListEndpointsResponse { endpoints, notices } = listed;
    if !matches!(form, Format::Table | Format::Wide) {
        let endpoints = endpoints.iter().map(endpoint_tree).collect();
        let notices = notices.iter().map(|notice| text(notice)).collect();
        let tree = object([("endpoints", Json::Array(endpoints)), ("notices", Json::Array(notices))]);
        return write_tree(&tree, "endpoints", form, out);
    }
    let titles = ["Name", "State", "Waiting", "Given up", "Last delivered", "Format", "Gets", "URL"];
    let rows: Vec<Vec<String>> = endpoints.iter().map(row).collect();
    write_columns(&titles, &rows, out)?;
    for endpoint in endpoints {
        let status = endpoint.status.clone().unwrap_or_default();
        if !status.cause.is_empty() {
            writeln!(out, "\n{}: {}\n  {}", endpoint.name, status.cause, status.hint)?;
        }
    }
    for notice in notices {
        writeln!(out, "\nNote: {notice}.")?;
    }
    Ok(())
}

fn row(endpoint: &v1::Endpoint) -> Vec<String> {
    let status = endpoint.status.clone().unwrap_or_default();
    let state = match (status.next_probe_at, status.failing_since) {
        (Some(next), _) => format!("{}, tried at {}", condition(&status), time(Some(&next))),
        (None, Some(since)) => format!("{} since {}", condition(&status), time(Some(&since))),
        (None, None) => condition(&status).to_owned(),
    };
    let last = time(status.last_delivered_at.as_ref());
    vec![
        endpoint.name.clone(),
        state,
        status.waiting_count.to_string(),
        status.dead_count.to_string(),
        if last.is_empty() { "never".to_owned() } else { last },
        format(endpoint.format).to_owned(),
        rule(endpoint),
        // The longest, and so the last.
        endpoint.url.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(listed: &v1::ListEndpointsResponse, form: Format) -> String {
        let mut out = Vec::new();
        write(listed, form, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_cannot_work_is_said_below_the_list() {
        let listed = v1::ListEndpointsResponse { notices: vec!["nothing is sent".to_owned()], ..Default::default() };
        assert_eq!(print(&listed, Format::Table), "\n\nNote: nothing is sent.\n");
        assert!(print(&listed, Format::Json).contains("\"nothing is sent\""));
    }

    #[test]
    fn an_endpoint_says_how_it_is_doing_and_why() {
        let status = v1::EndpointStatus {
            condition: v1::Condition::Failing.into(),
            failing_since: Some(prost_types::Timestamp { seconds: 1_530_330_987, nanos: 0 }),
            cause: "refused the connection".to_owned(),
            hint: "Start it.".to_owned(),
            waiting_count: 3,
            ..v1::EndpointStatus::default()
        };
        let endpoint = v1::Endpoint {
            name: "ops".to_owned(),
            url: "https://h.example.com/...".to_owned(),
            status: Some(status),
            ..v1::Endpoint::default()
        };
        let printed =
            print(&v1::ListEndpointsResponse { endpoints: vec![endpoint], notices: Vec::new() }, Format::Table);
        let rows: Vec<&str> = printed.lines().collect();
        assert!(rows[1].starts_with("ops         failing since 2018-06-30T03:56:27Z        3  "), "{printed}");
        assert_eq!(rows[3..], ["ops: refused the connection", "  Start it."]);
    }
}
