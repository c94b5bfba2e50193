//! What keeps the house in order, as facts about its files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.extend(sources(&name));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }

    found
}

/// The file without its unit tests.
fn shipped(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned()
}

#[test]
fn pure_modules_use_no_clock_network_or_environment() {
    let pure = [
        "auth.rs",
        "claims/customer.rs",
        "config.rs",
        "desk/error.rs",
        "desk/wire.rs",
        "fields/credentials.rs",
        "fields/matched.rs",
        "fields/mod.rs",
        "fields/outcome.rs",
        "fields/suggestion.rs",
        "fields/value.rs",
        "handoff/envelope.rs",
        "handoff/flat.rs",
        "handoff/message.rs",
        "handoff/mod.rs",
        "handoff/nested.rs",
        "handoff/order.rs",
        "metrics.rs",
        "names.rs",
        "report.rs",
        "retry.rs",
        "rules/check.rs",
        "rules/mod.rs",
        "rules/parse.rs",
        "json_reader.rs",
        "ticket/find.rs",
        "ticket/merge.rs",
        "ticket/mod.rs",
        "ticket/plan.rs",
    ];

    let forbidden = [
        "reqwest",
        "aws_sdk",
        "std::env::",
        "SystemTime::now",
        "Instant::now",
        "tokio::",
        "fastrand",
    ];

    for module in pure {
        let text = shipped(&root().join("src").join(module));
        for word in forbidden {
            assert!(!text.contains(word), "src/{module} is pure and names {word}");
        }
    }
}

#[test]
fn only_aws_folder_names_the_sdk() {
    for path in sources("src") {
        let text = shipped(&path);
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        assert!(
            !text.contains("aws_sdk") || name.starts_with("src/aws/"),
            "{name} names the AWS SDK"
        );
        assert!(
            !text.contains("std::env::var") || name.starts_with("src/bin/"),
            "{name} reads the environment"
        );
    }
}

#[test]
fn every_file_opens_with_what_it_is() {
    let folders =
        ["src", "emulator/src", "cli/src", "bench", "tests", "fuzz/src", "fuzz/fuzz_targets"];
    for path in folders.into_iter().flat_map(sources) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} does not say what it is", path.display());
    }
}

#[test]
fn template_sets_what_configuration_reads() {
    let template = fs::read_to_string(root().join("template.yaml")).unwrap();
    let names = fs::read_to_string(root().join("src/names.rs")).unwrap();
    let settings = names.split("pub mod ").find(|part| part.starts_with("setting ")).unwrap();
    let is_name = |text: &&str| {
        text.len() > 2 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    let read: BTreeSet<&str> = settings.split('"').skip(1).step_by(2).filter(is_name).collect();
    assert!(read.len() > 8, "{read:?}");
    // For tests and unusual networks.
    let by_hand = BTreeSet::from(["PREFETCH", "DESK_BASE_URL", "CHAT_BASE_URL"]);
    assert!(by_hand.is_subset(&read), "{read:?}");
    let blocks: Vec<&str> = template.split("        Variables:\n").skip(1).collect();
    assert_eq!(blocks.len(), 2, "api and worker");
    for block in blocks {
        let lines = block.lines().take_while(|line| line.starts_with("          "));
        let set: BTreeSet<&str> =
            lines.map(|line| line.trim().split(':').next().unwrap()).collect();
        assert_eq!(set, &read - &by_hand);
    }

    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let table = readme
        .split_once("| variable | meaning | default |")
        .unwrap()
        .1
        .split("\n\n")
        .next()
        .unwrap();

    let first = table.lines().filter_map(|row| row.split('|').nth(1));
    let documented: BTreeSet<&str> =
        first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert_eq!(documented, read);
}

/// What a workflow does beside the script, nobody could try before a tag is there.
#[test]
fn release_workflow_runs_the_one_script() {
    let file = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let workflow = file(".github/workflows/release.yml");
    let runs: Vec<&str> =
        workflow.lines().filter_map(|line| line.trim().strip_prefix("run: ")).collect();
    let programs: Vec<&str> = runs.iter().filter_map(|run| run.split(' ').next()).collect();
    assert_eq!(programs, ["rustup", "make", "gh"], "{runs:?}");
    let makefile = file("Makefile");
    let target = makefile.split_once("\nrelease: ").unwrap().1.split("\n\n").next().unwrap();
    assert!(target.contains("tools/release.sh dist"), "{target}");

    // What docs/delivery.md lists is what the script makes.
    let page = file("docs/delivery.md");
    let script = file("tools/release.sh");
    for made in [
        "template-$architecture.yaml",
        "desk-handoff-$name-$architecture.zip",
        "desk-handoff.cdx.json",
        "SHA256SUMS",
    ] {
        assert!(script.contains(made), "{made}");
        let shown = made.replace("$architecture", "x86_64").replace("$name", "api");
        assert!(page.contains(&shown), "{shown}");
    }
}

#[test]
fn payload_version_is_the_codes() {
    let template = fs::read_to_string(root().join("template.yaml")).unwrap();
    assert!(template.contains("PayloadFormatVersion: \"2.0\""));
}

#[test]
fn every_cited_section_of_the_wire_page_exists() {
    let page = fs::read_to_string(root().join("docs/desk-wire.md")).unwrap();
    let is_section = |number: &str| {
        page.contains(&format!("# {number}. ")) || page.contains(&format!("# {number} "))
    };
    let is_question = |number: &str| page.contains(&format!("\n| {number} | "));
    let mut cited = 0;

    for path in sources("src") {
        let text = fs::read_to_string(&path).unwrap();
        let prose = |line: &str| line.trim().trim_start_matches(['/', '!']).trim().to_owned();
        let text = text.lines().map(prose).collect::<Vec<String>>().join(" ");
        for citation in text.split("desk-wire section").skip(1) {
            let citation = citation.split([')', ';', ':']).next().unwrap();
            let (sections, questions) = citation.split_once("question").unwrap_or((citation, ""));
            let missing = numbers(sections).find(|number| !is_section(number));
            let missing = missing.or(numbers(questions).find(|number| !is_question(number)));

            assert_eq!(missing, None, "{} cites it", path.display());
            cited += numbers(sections).count();
        }
    }

    assert!(cited > 40, "{cited}");
}

/// The numbers among the words of a citation, such as `3.3` and `4`.
fn numbers(citation: &str) -> impl Iterator<Item = &str> {
    let words = citation.split([' ', ',']).map(|word| word.trim_end_matches('.'));
    words.filter(|word| word.starts_with(|char: char| char.is_ascii_digit()))
}
