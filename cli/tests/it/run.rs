//! `run`: from a file to a ticket and back to the person.

use desk_handoff::auth::sign;
use serde_json::json;

use crate::support::{Files, call, call_with, direct, ended, event, handoff, numbered, sample};

#[test]
fn sample_event_becomes_a_filled_ticket() {
    let ended = call(&["run", &sample("handoff")]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for line in ["customer user_xyz789", "title AI handoff 2647", "priority HIGH", "team VIP (vip)"]
    {
        let key = line.split(' ').next().unwrap();
        assert_eq!(ended.line(key), line);
    }
    assert!(ended.out.contains("Ticket 7455126: created"), "{ended:?}");
    assert!(
        ended.out.contains("cart-items       3\n"),
        "the ticket's own value is shown: {ended:?}"
    );
    assert!(
        ended.out.contains("order-id         written    order-id         in the ticket\n"),
        "{ended:?}"
    );
    assert!(
        ended.out.contains("priority         written    (priority)       in the ticket\n"),
        "{ended:?}"
    );

    assert!(ended.err.contains("built-in example"), "{ended:?}");
}

/// README shows some lines of it, in this order.
#[test]
fn readme_shows_what_run_prints() {
    let readme = include_str!("../../../README.md");
    let (_, shown) = readme.split_once("```text\nHanded over\n").unwrap();
    let ended = call(&["run", &sample("handoff")]);
    let mut printed = ended.out.lines();

    for line in shown.split_once("```").unwrap().0.lines() {
        assert!(printed.any(|found| found == line), "{line:?} comes not or not here: {ended:?}");
    }
}

#[test]
fn handoff_passes_webhook_queue_and_worker() {
    let ended = call(&["run", &sample("handoff")]);
    assert_eq!(ended.line("webhook"), "webhook answered 200 \"queued\"");
    assert!(
        ended.line("worker").starts_with("worker took it from the queue; requests to Desk: "),
        "{ended:?}"
    );
    let document = call(&["run", "--json", &sample("handoff")]).json();
    assert_eq!(document["answer"], json!({"status": "queued", "event_id": "evt-handoff-1"}));

    assert_eq!(
        (&document["report"]["status"], &document["report"]["event_id"]),
        (&json!("created"), &json!("evt-handoff-1"))
    );
}

#[test]
fn failed_work_ends_with_1() {
    let files = Files::new();
    let fields = files.put_json("fields.json", &json!({"ticket": {"when_missing": "retry"}}));
    let body = files.put_json("body.json", &direct(json!({"order-id": "A-1"})));
    let ended = call(&["run", &body, "--fields", &fields]);
    assert_eq!(ended.code, 1);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines[0], "The webhook answered 200 \"queued\", and the worker could not do it");
    assert_eq!(lines[1], "  Why: the ticket is not there yet.");
    assert!(
        lines[3].contains("tried again after 30 seconds") && lines[3].contains("12 times"),
        "{ended:?}"
    );
    let document = call(&["run", "--json", &body, "--fields", &fields]);
    assert_eq!(document.code, 1);
    let answer = json!({"status": "queued", "event_id": "e-1"});

    assert_eq!(
        document.json(),
        json!({"answer": answer, "status": 200, "report": null, "error": "the ticket is not there yet", "ticket": null})
    );
}

#[test]
fn what_is_piped_has_no_colours_and_no_frames() {
    for arguments in [["run", &sample("handoff")], ["preview", &sample("sender-sample")]] {
        let ended = call(&arguments);
        for text in [&ended.out, &ended.err] {
            assert!(!text.contains(['\u{1b}', '─', '│', '═']), "{text}");
            assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
        }
    }
}

#[test]
fn json_document_holds_answer_report_and_ticket() {
    let document = call(&["run", "--json", &sample("handoff")]).json();
    assert_eq!((&document["status"], document.get("error")), (&json!(200), None));
    assert_eq!(document["ticket"]["id"], document["report"]["ticket"]["id"]);
    assert!(
        document["ticket"]["customFields"]
            .as_array()
            .unwrap()
            .iter()
            .any(|field| field["key"] == "order-id")
    );
}

#[test]
fn body_comes_from_file_or_standard_input() {
    let files = Files::new();
    let body = direct(json!({"order-id": "A-1"})).to_string();
    for ended in
        [call(&["run", &files.put("body.json", &body)]), call_with(body.as_bytes(), &["run", "-"])]
    {
        assert_eq!(
            (ended.code, ended.line("conversation").as_str()),
            (0, "conversation c-1"),
            "{ended:?}"
        );
        assert_eq!(ended.line("event"), "event e-1");
    }
}

#[test]
fn a_base64_body_is_decoded() {
    let ended = call(&["run", "--json", &sample("base64")]).json();
    assert!(ended["ticket"]["customFields"].to_string().contains("ORD-Ä-1"), "{ended}");
}

#[test]
fn wrong_signature_is_noted_and_replaced() {
    let files = Files::new();
    let body = direct(json!({})).to_string();
    let signed = |signature: Option<&str>| {
        let ended = call(&["run", &files.put_json("event.json", &event(&body, signature))]);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.err.contains("would answer 401")
    };
    assert!(signed(Some("00")));
    assert!(!signed(Some(&sign(body.as_bytes(), "local-only-signing-secret"))));

    assert!(!signed(None));
}

#[test]
fn query_of_an_event_chooses_the_application() {
    let files = Files::new();
    let mut body = direct(json!({}));
    body["app_id"] = json!("APP-1");
    let mut event = event(&body.to_string(), None);
    for (query, code) in [("app_id=APP-1", 0), ("app_id=APP-2", 1), ("", 0)] {
        event["rawQueryString"] = json!(query);
        assert_eq!(call(&["run", &files.put_json("event.json", &event)]).code, code, "{query}");
    }
}

#[test]
fn an_ignored_category_is_told_and_is_no_failure() {
    let ended = call(&["run", &sample("ignored-category")]);
    assert_eq!(ended.code, 0);
    assert!(
        ended.out.starts_with("Ignored: an event of the category conversation:started"),
        "{ended:?}"
    );
    let answer = json!({"status": "ignored", "category": "conversation:started"});
    let document = call(&["run", "--json", &sample("ignored-category")]).json();
    assert_eq!(document, json!({"answer": answer, "status": 200, "report": null, "ticket": null}));
}

#[test]
fn refused_body_names_its_places() {
    let files = Files::new();
    let file =
        files.put_json("body.json", &json!({"conversation": {"user_id": ["x"]}, "context": 5}));
    let ended = call(&["run", &file]);
    assert_eq!(ended.code, 1);
    assert!(ended.out.starts_with("Refused with 400: The body cannot be used\n"), "{ended:?}");
    assert_eq!(
        ended.line("conversation.user_id"),
        "conversation.user_id must be a string or a number"
    );
    assert_eq!(ended.line("context"), "context must be an object");
    let document = call(&["run", "--json", &file]);
    assert_eq!((document.code, &document.json()["status"]), (1, &json!(400)));

    assert_eq!(
        (&document.json()["report"], &document.json()["ticket"]),
        (&json!(null), &json!(null))
    );
}

#[test]
fn bare_context_is_handed_over() {
    let files = Files::new();
    let ended = call(&["run", &files.put_json("context.json", &json!({"order-id": "A-1"}))]);
    assert_eq!(ended.code, 0);
    assert!(ended.err.contains("context.json is a bare context object"), "{ended:?}");
    assert_eq!(ended.line("customer"), "customer demo-customer");
    assert_eq!(ended.line("order-id"), "order-id A-1");
}

#[test]
fn several_files_meet_one_desk() {
    let files = Files::new();
    let first = files.put_json("first.json", &numbered(1, json!({"order-id": "A-1"})));
    let second = files.put_json("second.json", &numbered(2, json!({"cart-items": 2})));
    let ended = call(&["run", &first, &second, "--json"]);
    let all = ended.json();
    assert_eq!((ended.code, all.as_array().unwrap().len()), (0, 2));
    let statuses = [0, 1].map(|place| all[place]["report"]["status"].clone());
    assert_eq!(statuses, [json!("created"), json!("updated")]);
    assert_eq!(all[0]["report"]["ticket"]["id"], all[1]["report"]["ticket"]["id"]);

    let shown = call(&["run", &first, &second]);
    assert_eq!(shown.out.matches("==> ").count(), 2, "{shown:?}");
}

#[test]
fn every_form_of_a_handoff_makes_the_same_ticket() {
    let files = Files::new();
    let context = json!({"order-id": "A-1", "cart-items": 3});
    let nested = json!({"conversation": {"id": "c-1", "user_id": "ann"}, "context": context});
    let flat =
        json!({"conversation_id": "c-1", "user_id": "ann", "order-id": "A-1", "cart-items": "3"});
    let envelope = json!({
        "id": "e", "app_id": "DEMO-APP-0001", "category": "handoff",
        "data": {"conversation": {"id": "c-1", "user_id": "ann", "ai_agent_context": {"context": context}}},
    });
    let fields = files.put_json(
        "fields.json",
        &json!({"fields": [
            {"key": "order-id", "type": "text"}, {"key": "cart-items", "type": "integer"},
        ]}),
    );

    let tickets = [nested, flat, envelope].map(|body| {
        let ended =
            call(&["run", "--json", &files.put_json("body.json", &body), "--fields", &fields]);
        let ticket = ended.json()["ticket"].clone();
        (ticket["channelName"].clone(), ticket["customFields"].clone())
    });
    assert_eq!(tickets[0].1[0]["value"], "3", "{tickets:?}");
    assert!(tickets.iter().all(|ticket| *ticket == tickets[0]), "{tickets:?}");
}

#[test]
fn event_of_payload_format_1_is_read() {
    let files = Files::new();
    let event = json!({
        "version": "1.0", "httpMethod": "POST", "path": "/handoffs", "requestContext": {},
        "headers": {"content-type": "application/json"},
        "queryStringParameters": {"app_id": "DEMO-APP-0001"},
        "body": direct(json!({"order-id": "A-1"})).to_string(), "isBase64Encoded": false,
    });
    for command in ["run", "preview"] {
        let ended = call(&[command, &files.put_json("event.json", &event)]);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.out.contains("A-1"), "{ended:?}");
    }
}

#[test]
fn run_prints_log_lines_only_if_asked() {
    let files = Files::new();
    let refused = files.put_json("body.json", &json!({"conversation": {"id": "c"}, "context": 5}));
    let (quiet, verbose) = (call(&["run", &refused]), call(&["run", &refused, "-v"]));
    assert!(!quiet.err.contains("DEBUG"), "{quiet:?}");
    assert!(verbose.err.contains("DEBUG"), "{verbose:?}");
}

#[test]
fn queue_batch_is_recognised() {
    for command in ["run", "preview", "send"] {
        let batch = sample("sqs-batch");
        let mut call = handoff();
        call.args([command, &batch]).env("SECRET", "x");
        if command == "send" {
            call.args(["--secret-env", "SECRET", "--url", "https://handoff.example/handoffs"]);
        }
        let refused = ended(call.output().unwrap());
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{refused:?}");
        assert!(refused.err.contains("is an SQS batch, for the worker: "), "{refused:?}");
    }
}

#[test]
fn the_embedded_desk_has_the_fields_of_the_file() {
    let files = Files::new();
    let fields =
        json!({"fields": [{"key": "n", "type": "integer"}], "ticket": {"when_missing": "create"}});
    let fields = files.put_json("fields.json", &fields);
    let body = files.put_json("body.json", &direct(json!({"n": 7, "order-id": "A-1"})));
    let ended = call(&["run", &body, "--fields", &fields]);
    assert_eq!(ended.err, "");
    assert!(ended.out.contains("n         written    n        in the ticket\n"), "{ended:?}");
    assert_eq!(ended.line("order-id"), "order-id unmatched no field has this key");
}

#[test]
fn run_without_fields_list_says_why_nothing_fits() {
    let files = Files::new();
    let body = files.put_json("body.json", &direct(json!({"order-id": "A-1"})));
    let ended = call(&["run", &body, "--fields", &files.put("fields.json", "{}")]);
    assert_eq!(ended.code, 0);
    assert_eq!(ended.line("order-id"), "order-id rejected order-id Desk did not keep it");
    assert!(ended.out.contains("The fields file lists no fields."), "{ended:?}");
}

#[test]
fn unknown_team_costs_nothing_else() {
    let files = Files::new();
    let body =
        files.put_json("body.json", &direct(json!({"support-team": "nobody", "order-id": "A-1"})));
    let ended = call(&["run", &body]);
    assert!(ended.out.contains("support-team  rejected  (team)"), "{ended:?}");
    assert!(ended.out.contains("the embedded one has vip and support"), "{ended:?}");
    assert!(ended.out.contains("order-id      written "), "{ended:?}");
}

#[test]
fn ticket_left_by_rules_is_no_failure() {
    let files = Files::new();
    let fields = files.put_json("fields.json", &json!({"ticket": {"when_missing": "leave"}}));
    let body = files.put_json("body.json", &direct(json!({"order-id": "A-1"})));
    let ended = call(&["run", &body, "--fields", &fields]);
    assert_eq!(ended.code, 0);
    assert!(ended.out.contains("No ticket: left"), "{ended:?}");
}

#[test]
fn no_value_can_play_with_the_terminal() {
    let files = Files::new();
    let context = json!({"summary": "\u{1b}[31mred\nrow\u{7}", "\u{1b}[2J": 1});
    let ended = call(&["run", &files.put_json("body.json", &direct(context))]);
    assert!(!ended.out.contains(['\u{1b}', '\u{7}']), "{ended:?}");
    assert!(ended.out.contains(r"\u{1b}[31mred\nrow\u{7}"), "{ended:?}");
}

#[test]
fn unusable_file_ends_with_2() {
    let files = Files::new();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let utf_16: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let broken = event("%%%", None);
    let mut base64 = broken.clone();
    base64["isBase64Encoded"] = json!(true);
    let mut header = broken.clone();
    header["headers"]["bad name"] = json!("x");
    let mut query = broken;
    query["rawQueryString"] = json!("a b\n");
    let cases = [
        (files.put("none.json", ""), "is empty"),
        (files.put("blank.json", "\n "), "is empty"),
        (
            files.put("half.json", "{\"a\":\n oops}"),
            "is not JSON, or nested too deeply, at line 2, column 2",
        ),
        (files.put("deep.json", deep), "is not JSON, or nested too deeply, at line 1, column 128"),
        (
            files.put("latin.json", b"{\"a\": \"\xe4\"}"),
            "is not UTF-8 at byte 7: save it as UTF-8 without",
        ),
        (
            files.put("mark.json", "\u{feff}{}"),
            "begins with a byte order mark: save it as UTF-8 without a byte order mark",
        ),
        (files.put("utf-16.json", utf_16), "is UTF-16: save it as UTF-8 without a byte order mark"),
        (files.put("list.json", "[1]"), "holds no JSON object"),
        (
            files.put("rest.json", r#"{"requestContext": {}, "path": "/"}"#),
            "payload format 1.0 or 2.0",
        ),
        (
            files.put("odd.json", r#"{"requestContext": {}, "rawPath": "/", "body": 5}"#),
            "API Gateway",
        ),
        (files.put_json("base64.json", &base64), "not base64"),
        (files.put_json("header.json", &header), "bad name"),
        (files.put_json("query.json", &query), "rawQueryString"),
        ("not-there.json".to_owned(), "cannot be read"),
    ];

    for (file, why) in cases {
        for command in ["run", "preview"] {
            let ended = call(&[command, &file]);
            assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{file}: {ended:?}");
            assert!(ended.err.contains(&file) && ended.err.contains(why), "{file}: {ended:?}");
        }
    }
}

#[test]
fn misuse_ends_with_2_and_help_has_example() {
    for arguments in
        [&[][..], &["run"], &["nope"], &["serve", "--port", "x"], &["serve", "--app-id", "a b"]]
    {
        assert_eq!(call(arguments).code, 2, "{arguments:?}");
    }
    for command in ["run", "serve", "preview", "check", "send", "learn", "connect", "doctor"] {
        let ended = call(&[command, "--help"]);
        assert_eq!(ended.code, 0);
        assert!(ended.out.contains(&format!("cargo handoff {command} ")), "{ended:?}");
    }
}

#[test]
fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = call(&["--completions", shell]);
        assert_eq!(ended.code, 0);
        assert!(ended.out.contains("handoff") && ended.out.contains("preview"), "{shell}");
    }
    assert_eq!(call(&["--completions", "sh"]).code, 2);
}

#[test]
fn a_proxy_in_the_environment_is_not_used() {
    let nobody = "http://127.0.0.1:9";
    let output = handoff()
        .args(["run", &sample("handoff")])
        .env("HTTP_PROXY", nobody)
        .env("ALL_PROXY", nobody)
        .output();
    assert!(output.unwrap().status.success());
}
