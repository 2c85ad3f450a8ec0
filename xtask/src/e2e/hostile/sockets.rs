//! Which sockets a program and all that it started have open, as the kernel tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The processes below `root`, itself included, with their names.
pub fn family(root: u32) -> BTreeMap<u32, String> {
    let mut parents: BTreeMap<u32, (u32, String)> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name stands in brackets and may hold any letter; behind it come state and parent.
        let Some((start, rest)) = stat.rsplit_once(") ") else { continue };
        let name = start.split_once('(').map_or("", |(_, name)| name).to_owned();
        let parent = rest.split(' ').nth(1).and_then(|parent| parent.parse().ok()).unwrap_or(0);
        parents.insert(id, (parent, name));
    }
    let is_below = |id: u32| {
        let mut at = id;
        for _ in 0..64 {
            if at == root {
                return true;
            }
            match parents.get(&at) {
                Some((parent, _)) => at = *parent,
                None => return false,
            }
        }
        false
    };
    parents.iter().filter(|(id, _)| is_below(**id)).map(|(id, (_, name))| (*id, name.clone())).collect()
}

/// The internet sockets of these processes that lead, or could be reached from, beyond this machine: `name: kind local ->
/// remote`. Returns how many sockets were looked at, too: none at all would prove nothing.
pub fn beyond_loopback(processes: &BTreeMap<u32, String>) -> (usize, BTreeSet<String>) {
    let mut owners: BTreeMap<u64, &str> = BTreeMap::new();
    for (id, name) in processes {
        for fd in std::fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten() {
            let target = std::fs::read_link(fd.path()).unwrap_or_default().to_string_lossy().into_owned();
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            owners.extend(inode.and_then(|inode| inode.parse().ok()).map(|inode: u64| (inode, name.as_str())));
        }
    }
    let (mut looked_at, mut outside) = (0, BTreeSet::new());
    for kind in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"] {
        let table = std::fs::read_to_string(format!("/proc/net/{kind}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let cells: Vec<&str> = line.split_whitespace().collect();
            let (Some(local), Some(remote)) = (cells.get(1).and_then(|c| end(c)), cells.get(2).and_then(|c| end(c)))
            else {
                continue;
            };
            let Some(owner) =
                cells.get(9).and_then(|inode| inode.parse::<u64>().ok()).and_then(|inode| owners.get(&inode))
            else {
                continue;
            };
            looked_at += 1;
            let is_inside = |address: IpAddr| match address {
                IpAddr::V6(six) => six.to_ipv4_mapped().map_or(six.is_loopback(), |four| four.is_loopback()),
                IpAddr::V4(four) => four.is_loopback(),
            };
            // One that is bound to nothing and connected to nothing can neither send nor be reached yet.
            let is_idle = remote.1 == 0 && local.1 == 0;
            let reaches = if remote.1 == 0 { local.0 } else { remote.0 };
            if !is_idle && !is_inside(reaches) {
                outside.insert(format!("{owner}: {kind} {}:{} -> {}:{}", local.0, local.1, remote.0, remote.1));
            }
        }
    }
    (looked_at, outside)
}

/// `0100007F:1F90`: an address in the machine's own order of bytes, word by word, and a port.
fn end(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words: Vec<u8> = (0..address.len() / 8)
        .map(|word| u32::from_str_radix(&address[word * 8..word * 8 + 8], 16))
        .collect::<Result<Vec<_>, _>>()
        .ok()?
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect();
    match words.len() {
        4 => Some((Ipv4Addr::from(<[u8; 4]>::try_from(words).ok()?).into(), port)),
        16 => Some((Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?).into(), port)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_others_could_reach_is_found_and_one_of_loopback_is_not() {
        let inside = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let me = BTreeMap::from([(std::process::id(), "me".to_owned())]);
        let port = |listener: &std::net::TcpListener| format!(":{} ->", listener.local_addr().unwrap().port());
        let (looked_at, outside) = beyond_loopback(&me);
        assert!(looked_at >= 1);
        assert!(!outside.iter().any(|one| one.contains(&port(&inside))), "{outside:?}");
        let open = std::net::TcpListener::bind(("0.0.0.0", 0)).unwrap();
        let (_, outside) = beyond_loopback(&me);
        assert!(outside.iter().any(|one| one.contains(&port(&open))), "{outside:?}");
        assert!(family(std::process::id()).contains_key(&std::process::id()));
    }
}
