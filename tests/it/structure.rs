//! How the crates are built, read off their `use` lines: no module imports one that imports it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::house_rules::{root, sources};

/// The source folders of every crate.
const CRATES: [&str; 7] = [
    "src",
    "cli/src",
    "emulator/src",
    "simulate/src",
    "simulate/judge/src",
    "bench/src",
    "fuzz/src",
];

/// Module to the modules that it imports, each as `a::b`; the crate's root is empty.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_crate_has_a_circle_of_modules() {
    for folder in CRATES {
        let files = sources(folder).into_iter().map(|path| {
            let name = path.strip_prefix(root().join(folder)).unwrap().to_owned();
            (module(&name), fs::read_to_string(path).unwrap())
        });
        let circle = circle(&imports(&files.collect()));

        assert_eq!(circle, None, "{folder}");
    }
}

#[test]
fn circle_is_found_through_every_form_of_import() {
    let tree = |one: &str, two: &str, three: &str| {
        let files = [("one", one), ("two", two), ("two::three", three)];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        circle(&imports(&BTreeMap::from(files))).map(|circle| circle.join(" -> "))
    };
    let found = |text: &str| Some(text.to_owned());

    assert_eq!(tree("use crate::two::Two;", "", ""), None);
    assert_eq!(
        tree("use crate::two::Two;", "use crate::one::One;", ""),
        found("one -> two -> one")
    );
    assert_eq!(
        tree("use crate::{two::{self, three::A}, x};", "", "use crate::one;"),
        found("one -> two::three -> one")
    );
    assert_eq!(
        tree("", "use three::A;\nmod three;", "use super::B;"),
        found("two -> two::three -> two")
    );
    assert_eq!(tree("", "mod three;\npub use three::A;", "use super::B;"), None, "handed on alone");
    assert_eq!(tree("", "mod three;", "#[cfg(test)]\nmod tests {\n use crate::two;\n}"), None);
}

fn module(file: &Path) -> String {
    let name = file.with_extension("");
    let parts: Vec<&str> = name.iter().map(|part| part.to_str().unwrap()).collect();
    let parts = parts.strip_suffix(&["mod"]).unwrap_or(&parts);
    if parts == ["lib"] || parts == ["main"] { String::new() } else { parts.join("::") }
}

/// What each module imports of the others, its tests left out. What a module only hands on
/// (`pub use`) ties it to nothing.
fn imports(files: &BTreeMap<String, String>) -> Imports {
    let known: BTreeSet<&str> = files.keys().map(String::as_str).collect();
    let shipped = |text: &str| text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();

    files
        .iter()
        .filter(|(name, _)| !name.ends_with("tests"))
        .map(|(name, text)| {
            let text = shipped(text);
            let paths = uses(&text).into_iter().flat_map(|tree| expand(&tree));
            let imported = paths.filter_map(|path| resolve(name, &path, &known));
            (name.clone(), imported.filter(|other| other != name).collect())
        })
        .collect()
}

/// The trees of the private `use` lines, such as `crate::a::{b, c}`.
fn uses(text: &str) -> Vec<String> {
    let statements = text.split(';').filter_map(|statement| {
        let lines: Vec<&str> = statement.lines().collect();
        let first = lines.iter().rposition(|line| line.trim_start().starts_with("use "))?;
        Some(lines[first..].join(" ").trim().strip_prefix("use ")?.to_owned())
    });
    statements.collect()
}

/// Every path of a tree: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let Some((before, rest)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap_or_default().replace(' ', "")];
    };
    let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
    let before = before.replace(' ', "");

    branches(inside)
        .iter()
        .flat_map(|branch| expand(branch.trim()))
        .map(|path| format!("{before}{path}"))
        .collect()
}

/// The parts between the commas that stand in no further braces.
fn branches(inside: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for char in inside.chars() {
        depth += i32::from(char == '{') - i32::from(char == '}');
        if char == ',' && depth == 0 {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(char);
        }
    }
    parts.retain(|part| !part.trim().is_empty());

    parts
}

/// The module that a path leads to, if it is one of this crate: the longest known beginning.
fn resolve(from: &str, path: &str, known: &BTreeSet<&str>) -> Option<String> {
    let mut base: Vec<&str> = from.split("::").filter(|part| !part.is_empty()).collect();
    let mut parts: Vec<&str> = path.split("::").collect();
    match parts.first().copied()? {
        "crate" => base.clear(),
        "super" => drop(base.pop()),
        "self" => {}
        child if known.contains([base.as_slice(), &[child]].concat().join("::").as_str()) => {
            parts.insert(0, "self");
        }
        _ => return None,
    }
    let whole: Vec<&str> = base.into_iter().chain(parts.into_iter().skip(1)).collect();

    let beginnings = (0..=whole.len()).rev().map(|length| whole[..length].join("::"));
    beginnings.filter(|name| !name.is_empty()).find(|name| known.contains(name.as_str()))
}

/// A way from a module back to itself.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    imports.keys().find_map(|start| {
        let mut ways = vec![vec![start.clone()]];
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop() {
            for next in imports.get(way.last()?).into_iter().flatten() {
                let longer = [way.as_slice(), std::slice::from_ref(next)].concat();
                if next == start {
                    return Some(longer);
                }
                if seen.insert(next.clone()) {
                    ways.push(longer);
                }
            }
        }
        None
    })
}
