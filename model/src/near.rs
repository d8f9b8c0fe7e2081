//! What somebody who misspelt a name may have meant.

/// The names closest to the one that is unknown, at most three, the closest first.
pub fn near<'n>(unknown: &str, known: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let unknown = unknown.to_lowercase();
    let mut ranked: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let is_part = unknown.len() >= 3 && (lower.contains(&unknown) || unknown.contains(&lower));
            let distance = if is_part { 1 } else { distance(&unknown, &lower) };
            (distance <= most_typos(&lower)).then_some((distance, name))
        })
        .collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().take(3).map(|(_, name)| name).collect()
}

/// A clause that offers the near names: `; did you mean A or B?`, or nothing.
pub fn offer<'n>(unknown: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    match near(unknown, known).as_slice() {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}

fn most_typos(name: &str) -> usize {
    (name.len() / 3).max(2)
}

/// How many letters must be inserted, removed or replaced to get from one to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        assert_eq!(near("raedfence", ["WriteFence", "ReadFence", "ReadDrain"]), ["ReadFence"]);
    }

    #[test]
    fn a_part_of_a_name_is_understood() {
        assert_eq!(near("fence", ["read-fence", "write-fence", "cleanup"]), ["read-fence", "write-fence"]);
    }

    #[test]
    fn nothing_is_offered_for_a_name_that_resembles_none() {
        assert_eq!(offer("xylophone", ["read-fence", "cleanup"]), "");
    }
}
