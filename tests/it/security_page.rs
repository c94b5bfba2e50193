//! docs/security.md against the rest of the house: every statement of its tables names the tests
//! that hold it, and those tests, the dependencies and the commands are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use desk_handoff::claims::item_key;
use desk_handoff::config::AppId;
use sha2::{Digest as _, Sha256};

use crate::house_rules::{root, sources};

fn page() -> String {
    fs::read_to_string(root().join("docs/security.md")).unwrap()
}

/// The cells of a table's row.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split(" | ").map(str::trim).collect()
}

/// The tables whose header has this last cell: their rows.
fn rows<'p>(page: &'p str, last: &str) -> Vec<Vec<&'p str>> {
    let mut found = Vec::new();
    let mut wanted = false;
    for line in page.lines() {
        match (line.starts_with('|'), wanted) {
            (false, _) => wanted = false,
            (true, true) if line.starts_with("| ---") => {}
            (true, true) => found.push(cells(line)),
            (true, false) => wanted = cells(line).last() == Some(&last),
        }
    }

    found
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names of all tests: functions below a test's attribute, and the facts that a macro makes
/// tests of.
fn tests() -> BTreeSet<String> {
    let files = ["src", "tests", "cli", "emulator"].into_iter().flat_map(sources);
    let texts: Vec<String> = files.map(|path: PathBuf| fs::read_to_string(path).unwrap()).collect();
    let lines = texts.iter().flat_map(|text| text.lines().zip(text.lines().skip(1)));
    let named =
        lines.filter(|(above, _)| above.contains("#[test]") || above.contains("#[tokio::test"));
    let named =
        named.filter_map(|(_, line)| Some(line.split_once("fn ")?.1.split('(').next()?.to_owned()));
    let facts = texts
        .iter()
        .filter_map(|text| text.split_once("holds_for! { $claims;\n")?.1.split_once('}'));

    named.chain(facts.flat_map(|(facts, _)| facts.split_whitespace().map(str::to_owned))).collect()
}

#[test]
fn page_statements_name_existing_tests() {
    let (page, tests) = (page(), tests());
    let held = rows(&page, "held by");
    assert!(held.len() > 40, "{}", held.len());
    for row in &held {
        let names: Vec<&str> = quoted(row.last().unwrap()).collect();
        assert!(!names.is_empty(), "nothing holds {row:?}");
        let missing: Vec<_> = names.iter().filter(|name| !tests.contains(**name)).collect();
        assert!(missing.is_empty(), "there is no test {missing:?}");
    }

    // Outside of the tables too, whatever is called like a test is one.
    let is_name = |name: &str| name.chars().all(|char| char.is_ascii_lowercase() || char == '_');
    let elsewhere = quoted(&page).filter(|name| name.matches('_').count() > 3 && is_name(name));
    let missing: Vec<_> = elsewhere.filter(|name| !tests.contains(*name)).collect();
    assert!(missing.is_empty(), "there is no test {missing:?}");
}

#[test]
fn dependencies_on_page_match_manifests() {
    let page = page();
    let listed: BTreeSet<String> = rows(&page, "in").iter().map(|row| row[0].to_owned()).collect();
    let mut direct = BTreeSet::new();
    for package in [".", "emulator", "cli", "bench", "bench/empty", "bench/floor", "fuzz"] {
        direct.extend(dependencies(&root().join(package).join("Cargo.toml")));
    }
    assert_eq!(listed, direct);
}

/// What stands under `[dependencies]` and `[dev-dependencies]`, but for our own packages.
fn dependencies(manifest: &Path) -> Vec<String> {
    let text = fs::read_to_string(manifest).unwrap();
    let mut inside = false;
    let mut names = Vec::new();

    for line in text.lines() {
        if line.starts_with('[') {
            inside = matches!(line, "[dependencies]" | "[dev-dependencies]");
        } else if inside && line.starts_with(|char: char| char.is_ascii_lowercase()) {
            names.push(line.split([' ', '.', '=']).next().unwrap().to_owned());
        }
    }
    names.retain(|name| !name.starts_with("desk-"));

    names
}

#[test]
fn page_names_table_items_as_code_does() {
    let page = page();
    let item = "ITEM=\"$APP_ID#customer#$(printf %s \"$USER_ID\" | sha256sum | cut -c 1-40)\"";
    assert!(page.contains(item));
    let key = item_key(&AppId::parse("APP-1").unwrap(), "a user");
    let digest = hex::encode(Sha256::digest("a user"));
    assert_eq!(key, format!("APP-1#customer#{}", &digest[..40]));
}

#[test]
fn the_page_and_the_makefile_name_the_same_commands() {
    let (page, makefile) = (page(), fs::read_to_string(root().join("Makefile")).unwrap());
    for target in ["fuzz", "mutants", "supply-chain"] {
        assert!(page.contains(&format!("`make {target}")), "{target}");
        assert!(makefile.contains(&format!("\n{target}: ")), "{target}");
    }

    let targets = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    let listed: BTreeSet<&str> =
        rows(&page, "what must hold").iter().map(|row| row[0].trim_matches('`')).collect();
    let bins =
        targets.split("[[bin]]\nname = \"").skip(1).map(|rest| rest.split('"').next().unwrap());
    assert_eq!(listed, bins.collect());
}

#[test]
fn the_access_log_names_no_caller_and_no_header() {
    let template = fs::read_to_string(root().join("template.yaml")).unwrap();
    let format = template.split("AccessLogSettings:").nth(1).unwrap().split("\n\n").next().unwrap();
    let named: BTreeSet<&str> =
        format.split("$context.").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let harmless = [
        "requestTime",
        "requestId",
        "httpMethod",
        "path",
        "status",
        "responseLatency",
        "error.message",
        "integrationErrorMessage",
    ];

    assert_eq!(named, BTreeSet::from(harmless));
}
