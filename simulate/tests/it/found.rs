//! Worlds that once broke a promise, made as small as they can be: none does any more. Those of the
//! first edition were found when the simulator was run against it; each is named after the promise.

use std::fs;
use std::path::Path;

use desk_handoff_simulate::run::play;

#[test]
fn found_worlds_keep_every_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("found");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let scenario = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let broken = play(&scenario).broken;
        assert!(broken.is_empty(), "{}: {broken:?}", path.display());
        count += 1;
    }

    assert!(count >= 36, "{count} worlds");
}
