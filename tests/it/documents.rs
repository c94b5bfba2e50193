//! What the documents name exists: files, make targets, commands and their options, settings.

use std::collections::BTreeSet;
use std::fs;

use crate::house_rules::{root, sources};

const DOCUMENTS: [&str; 13] = [
    "README.md",
    "CONTRIBUTING.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    "docs/operations.md",
    "docs/senders.md",
    "docs/page.md",
    "docs/stack.md",
    "docs/reliability.md",
    "docs/security.md",
    "docs/performance.md",
    "docs/desk-wire.md",
    "docs/delivery.md",
];

/// What reads settings beside the code.
const SCRIPTS: [&str; 5] = [
    "template.yaml",
    "Makefile",
    "docs/operations.md",
    "tests/page/browser.py",
    "tools/release.sh",
];

/// What a document may name, as the repository has it.
struct Repository {
    targets: BTreeSet<String>,
    commands: String,
    /// All that reads settings: code, template, scripts.
    settings: String,
}

impl Repository {
    fn read() -> Self {
        let file = |name: &str| fs::read_to_string(root().join(name)).unwrap();
        let target = |line: &str| {
            let (target, rest) = line.split_once(':')?;
            let is_target = !rest.starts_with('=')
                && target.bytes().all(|b| b == b'-' || b.is_ascii_lowercase());
            is_target.then(|| target.to_owned())
        };
        let folders = ["src", "cli/src", "tests", "bench", "simulate", "emulator/src"];
        // But for this file, which makes some up.
        let files = folders.into_iter().flat_map(sources).filter(|path| !path.ends_with(file!()));
        let code = files.map(|path| fs::read_to_string(path).unwrap());
        let settings = code.chain(SCRIPTS.map(file)).collect();

        Self {
            targets: file("Makefile").lines().filter_map(target).collect(),
            commands: file("cli/src/args.rs").to_lowercase(),
            settings,
        }
    }

    /// What is wrong with this piece of code of a document.
    fn misses(&self, code: &str) -> Vec<String> {
        let words: Vec<&str> = code.split_whitespace().collect();
        let mut missing = Vec::new();
        for pair in words.windows(2) {
            let next = pair[1].trim_matches(|c: char| !c.is_ascii_alphanumeric());
            let is_missing = match pair[0].trim_start_matches(|c: char| !c.is_ascii_alphanumeric())
            {
                "make" => !next.is_empty() && !next.contains('=') && !self.targets.contains(next),
                "handoff" if code.contains("cargo handoff") => {
                    !next.is_empty() && !pair[1].starts_with('-') && !self.has_command(next)
                }
                _ => false,
            };
            if is_missing {
                missing.push(pair.join(" "));
            }
        }

        if let [word] = words.as_slice() {
            if is_path(word) && !root().join(word).exists() {
                missing.push((*word).to_owned());
            }
            if is_setting(word) && !self.settings.contains(word) {
                missing.push((*word).to_owned());
            }
        }
        if let Some(after) = code.split_once("cargo handoff ").map(|(_, after)| after) {
            let command = after.split(['|', ';', '&', '\n']).next().unwrap_or_default();
            let options = command.split_whitespace().filter_map(|word| word.strip_prefix("--"));
            let known = |option: &&str| self.has_option(option);
            missing.extend(
                options.filter(|option| !known(option)).map(|option| format!("--{option}")),
            );
        }
        missing
    }

    fn has_option(&self, name: &str) -> bool {
        let field = format!("pub(crate) {}:", name.replace('-', "_"));
        let given = format!("long = \"{name}\"");
        ["help", "version"].contains(&name)
            || [field, given].iter().any(|text| self.commands.contains(text))
    }

    fn has_command(&self, name: &str) -> bool {
        self.commands.contains(&format!("    {name}({name})"))
    }
}

/// A path of this repository: it has a folder, and begins with one that is here.
fn is_path(word: &str) -> bool {
    let first = word.split('/').next().unwrap_or_default();
    let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    word.contains('/')
        && !first.is_empty()
        && is_plain
        && root().join(first).is_dir()
        // What is built or installed is there on some machines only.
        && !["target", ".venv"].contains(&first)
}

fn is_setting(word: &str) -> bool {
    word.contains('_')
        && word.len() > 4
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// What stands between backticks, and the lines of the blocks.
fn codes(document: &str) -> Vec<String> {
    let (mut codes, mut is_block) = (Vec::new(), false);
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if is_block {
            codes.push(line.to_owned());
        } else {
            codes.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    codes
}

#[test]
fn what_documents_name_exists() {
    let repository = Repository::read();
    for name in DOCUMENTS {
        let document = fs::read_to_string(root().join(name)).unwrap();
        let missing: Vec<String> =
            codes(&document).iter().flat_map(|code| repository.misses(code)).collect();

        assert!(missing.is_empty(), "{name} names what is not there: {missing:?}");
    }
}

#[test]
fn made_up_names_are_found_missing() {
    let repository = Repository::read();
    let misses = |code: &str| repository.misses(code);

    assert_eq!(misses("make tests"), ["make tests"]);
    assert_eq!(misses("cargo handoff repair x.json"), ["handoff repair"]);
    assert_eq!(misses("cargo handoff run x.json --colour"), ["--colour"]);
    assert_eq!(misses("src/signature.rs"), ["src/signature.rs"]);
    assert_eq!(misses("QUEUE_URI"), ["QUEUE_URI"]);
    for good in ["make test", "cargo handoff run x.json --json", "src/auth.rs", "QUEUE_URL"] {
        assert_eq!(misses(good), [""; 0], "{good}");
    }
}

/// A file that became a folder is mutated no more, and nothing else says so.
#[test]
fn every_glob_of_the_mutants_matches_a_file() {
    let settings = fs::read_to_string(root().join(".cargo/mutants.toml")).unwrap();
    let globs: Vec<&str> = settings
        .split('"')
        .filter(|text| text.starts_with("src/") && text.ends_with(".rs"))
        .collect();
    let files = sources("src");
    let names: Vec<&str> =
        files.iter().map(|file| file.strip_prefix(root()).unwrap().to_str().unwrap()).collect();
    let matches = |glob: &str| {
        let (before, after) = glob.split_once("**/").unwrap_or((glob, ""));
        let after = after.trim_start_matches('*');
        names.iter().any(|name| name.starts_with(before) && name.ends_with(after))
    };

    let missing: Vec<&&str> = globs.iter().filter(|glob| !matches(glob)).collect();
    assert!(globs.len() > 10 && missing.is_empty(), "{missing:?} of {globs:?}");
    assert!(!matches("src/claims.rs") && !matches("src/modules/**/*.rs"));
}
