//! How the crates are built, read off their `use` lines and the paths in their code: no module
//! imports one that imports it.

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
    assert_eq!(
        tree("use crate::two::A;", "mod three;\npub use three::A;", "use crate::one::B;"),
        found("one -> two::three -> one"),
        "through what a third one hands on"
    );
    assert_eq!(
        tree("fn f() { crate::two::g() }", "/// [`crate::one`]\nuse super::one::{self, C};", ""),
        found("one -> two -> one")
    );
    assert_eq!(
        tree("", "mod three;\nfn f() { three::g() }", "fn g() { super::super::two::f() }"),
        found("two -> two::three -> two")
    );
}

/// What a binary's modules take of its `main.rs`.
#[test]
fn circle_through_the_root_is_found() {
    let files = [("", "mod one;\nfn main() { one::f() }"), ("one", "use crate::Sizes;")];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let circle = circle(&imports(&BTreeMap::from(files)));

    assert_eq!(circle.map(|circle| circle.join(" -> ")).as_deref(), Some(" -> one -> "));
}

fn module(file: &Path) -> String {
    let name = file.with_extension("");
    let parts: Vec<&str> = name.iter().map(|part| part.to_str().unwrap()).collect();
    let parts = parts.strip_suffix(&["mod"]).unwrap_or(&parts);
    if parts == ["lib"] || parts == ["main"] { String::new() } else { parts.join("::") }
}

/// What each module imports of the others, its tests left out. What a module only hands on
/// (`pub use`) ties it to nothing; whoever imports it there is tied to where it comes from.
fn imports(files: &BTreeMap<String, String>) -> Imports {
    let known: BTreeSet<&str> = files.keys().map(String::as_str).collect();
    let code: BTreeMap<&str, Code> =
        files.iter().map(|(name, text)| (name.as_str(), Code::of(text))).collect();
    let paths_of =
        |trees: &[String]| -> Vec<String> { trees.iter().flat_map(|tree| expand(tree)).collect() };
    let mut origins: BTreeMap<(String, String), String> = BTreeMap::new();
    for (name, code) in &code {
        for path in paths_of(&code.handed_on) {
            let last = path.rsplit("::").next().unwrap_or_default().to_owned();
            let origin = resolve(name, &path, &known).map(|(module, _)| module);
            origins.extend(origin.map(|origin| (((*name).to_owned(), last), origin)));
        }
    }

    let shipped = code.iter().filter(|(name, _)| !name.ends_with("tests"));
    shipped
        .map(|(name, code)| {
            let paths = [paths_of(&code.imports), code.paths.clone()].concat();
            let found = paths.iter().filter_map(|path| resolve(name, path, &known));
            let modules = found.map(|found| origins.get(&found).cloned().unwrap_or(found.0));
            ((*name).to_owned(), modules.filter(|other| other != name).collect())
        })
        .collect()
}

/// The parts of a file, without its tests and comments, that name other modules.
#[derive(Default)]
struct Code {
    /// The trees of the private `use` lines, such as `crate::a::{b, c}`.
    imports: Vec<String>,
    /// Those of the public ones.
    handed_on: Vec<String>,
    /// The paths in the rest.
    paths: Vec<String>,
}

impl Code {
    fn of(text: &str) -> Self {
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        let shipped = shipped.lines().filter(is_code).collect::<Vec<&str>>().join("\n");
        let mut code = Self::default();

        for statement in shipped.split(';') {
            let lines: Vec<&str> = statement.lines().collect();
            let first = lines.iter().rposition(|line| use_of(line).is_some());
            let (rest, tree) = lines.split_at(first.unwrap_or(lines.len()));
            let tree = tree.join(" ");
            match use_of(&tree) {
                Some((true, tree)) => code.handed_on.push(tree.to_owned()),
                Some((false, tree)) => code.imports.push(tree.to_owned()),
                None => {}
            }
            let is_path = |char: char| char.is_alphanumeric() || char == '_' || char == ':';
            let words = rest.iter().flat_map(|line| line.split(|char: char| !is_path(char)));
            let paths = words.map(|word| word.trim_matches(':')).filter(|word| word.contains("::"));
            code.paths.extend(paths.map(str::to_owned));
        }
        code
    }
}

/// What a `use` names, and whether it is a public one.
fn use_of(line: &str) -> Option<(bool, &str)> {
    let line = line.trim_start();
    if let Some(tree) = line.strip_prefix("use ") {
        return Some((false, tree));
    }
    let (before, tree) = line.split_once("use ")?;
    let is_public = before.starts_with("pub") && before.ends_with([' ', ')']);
    (is_public && before.split_whitespace().count() == 1).then_some((true, tree))
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

/// The module that a path leads to, if it is one of this crate, and what of it: the longest known
/// beginning, and the next part.
fn resolve(from: &str, path: &str, known: &BTreeSet<&str>) -> Option<(String, String)> {
    let mut whole: Vec<&str> = from.split("::").filter(|part| !part.is_empty()).collect();
    let first = path.split("::").next()?;
    let child = whole.iter().copied().chain([first]).collect::<Vec<&str>>().join("::");
    if !["crate", "super", "self"].contains(&first) && !known.contains(child.as_str()) {
        return None;
    }

    for part in path.split("::") {
        match part {
            "crate" => whole.clear(),
            "super" => drop(whole.pop()),
            "self" => {}
            name => whole.push(name),
        }
    }
    (0..=whole.len()).rev().find_map(|length| {
        let module = whole[..length].join("::");
        let next = whole.get(length).copied().unwrap_or_default().to_owned();
        known.contains(module.as_str()).then_some((module, next))
    })
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
