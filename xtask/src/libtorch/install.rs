//! Takes what is needed out of the wheels and puts it in place in one step.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use zip::ZipArchive;

use super::wheels::Wheel;
use super::{VERSION, stamp};
use crate::console;

/// Builds a LibTorch out of `wheels` and moves it to `target`, replacing what is there.
///
/// Everything is written into a folder beside `target` first, which gets its name when it is complete.
pub(crate) fn install(wheels: &[(&Wheel, PathBuf)], target: &Path) -> Result<()> {
    let parent = target.parent().context("the target folder has no parent")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    remove_leftovers(parent);
    let building = parent.join(format!("libtorch.building-{}", std::process::id()));
    remove(&building)?;
    let built = build(wheels, &building).and_then(|()| put_in_place(&building, target));
    if built.is_err() {
        // The first error is the one to report.
        remove(&building).ok();
    }
    built
}

fn build(wheels: &[(&Wheel, PathBuf)], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("include"))?;
    fs::create_dir_all(folder.join("lib"))?;
    for (wheel, file) in wheels {
        unpack(wheel, file, folder).with_context(|| format!("cannot unpack {}", file.display()))?;
    }
    // libtorch.so itself is an empty shell that pulls CUDA in; under this name the linker finds the CPU
    // library instead, and our binaries need nothing of CUDA.
    #[cfg(unix)]
    std::os::unix::fs::symlink("libtorch_cpu.so", folder.join("lib/libtorch.so"))?;
    fs::write(folder.join("build-version"), VERSION)?;
    let names: Vec<(&str, &str)> = wheels
        .iter()
        .map(|(wheel, _)| (wheel.package.name, wheel.package.sha256))
        .collect();
    stamp::write(folder, &names)
}

fn unpack(wheel: &Wheel, file: &Path, folder: &Path) -> Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(file)?))?;
    let mut wanted = Vec::new();
    let mut total = 0;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        if let Some(place) = place_of(wheel, entry.name())
            && entry.is_file()
        {
            total += entry.size();
            wanted.push((index, place));
        }
    }
    for library in wheel.libraries {
        let place = Path::new("lib").join(library);
        if !wanted.iter().any(|(_, found)| *found == place) {
            bail!("it has no {}{library}", wheel.library_folder);
        }
    }
    let bar = console::bytes_bar(total, &format!("unpacking {}", wheel.package.name));
    for (index, place) in wanted {
        let path = folder.join(place);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut writer = BufWriter::new(File::create(&path)?);
        copy(&mut archive.by_index(index)?, &mut writer, &bar)
            .and_then(|()| io::Write::flush(&mut writer))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Where the file `name` of the wheel goes, relative to the LibTorch folder; `None` if it is not needed.
fn place_of(wheel: &Wheel, name: &str) -> Option<PathBuf> {
    if let Some(header) = wheel.headers.and_then(|folder| name.strip_prefix(folder)) {
        let header = Path::new(header);
        let plain = header
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        return plain.then(|| Path::new("include").join(header));
    }
    let library = name.strip_prefix(wheel.library_folder)?;
    wheel
        .libraries
        .contains(&library)
        .then(|| Path::new("lib").join(library))
}

fn copy(reader: &mut impl Read, writer: &mut impl io::Write, bar: &ProgressBar) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        writer.write_all(&buffer[..read])?;
        bar.inc(read as u64);
    }
}

fn put_in_place(building: &Path, target: &Path) -> Result<()> {
    remove(target)?;
    fs::rename(building, target).with_context(|| {
        format!(
            "cannot rename {} to {}",
            building.display(),
            target.display()
        )
    })
}

/// Makes `link` lead to the LibTorch in `folder`, replacing what is there.
pub(crate) fn link(folder: &Path, link: &Path) -> Result<()> {
    remove(link)?;
    if let Some(parent) = link.parent() {
        fs::create_dir_all(parent)?;
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder, link)
        .with_context(|| format!("cannot link {} to {}", link.display(), folder.display()))?;
    Ok(())
}

/// Removes a folder, a file or a link; that there is none is fine.
fn remove(path: &Path) -> Result<()> {
    let Ok(meta) = path.symlink_metadata() else {
        return Ok(());
    };
    let removed = if meta.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    removed.with_context(|| format!("cannot remove {}", path.display()))
}

/// Removes what interrupted runs left beside the target.
fn remove_leftovers(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix("libtorch.building-"));
        if owner.is_some_and(|pid| !console::process_runs(pid)) {
            // Left in place, it only takes space.
            remove(&entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::libtorch::wheels::WHEELS;

    fn wheel_file(path: &Path, entries: &[(&str, &str)]) {
        let mut writer = zip::ZipWriter::new(File::create(path).unwrap());
        for (name, text) in entries {
            writer
                .start_file(
                    *name,
                    zip::write::SimpleFileOptions::default()
                        .compression_method(zip::CompressionMethod::Stored),
                )
                .unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
    }

    const TORCH: &[(&str, &str)] = &[
        ("torch/__init__.py", "python"),
        ("torch/include/torch/all.h", "header"),
        ("torch/lib/libtorch_cpu.so", "cpu"),
        ("torch/lib/libtorch_cuda.so", "cuda"),
        ("torch/lib/libc10.so", "c10"),
        ("torch/lib/libgomp.so.1", "gomp"),
    ];

    #[test]
    fn only_what_is_needed_is_taken_and_stamped() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("torch.whl");
        wheel_file(&file, TORCH);
        let target = temp.path().join("libtorch");
        install(&[(&WHEELS[0], file)], &target).unwrap();
        let read = |name: &str| fs::read_to_string(target.join(name)).unwrap();
        assert_eq!(read("include/torch/all.h"), "header");
        assert_eq!(read("lib/libtorch.so"), "cpu");
        assert!(!target.join("lib/libtorch_cuda.so").exists());
        stamp::verify(&target).unwrap();
    }

    #[test]
    fn a_wheel_without_a_library_leaves_the_old_folder_alone() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("torch.whl");
        wheel_file(&file, &TORCH[..4]);
        let target = temp.path().join("libtorch");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("old"), "").unwrap();
        let error = install(&[(&WHEELS[0], file)], &target).unwrap_err();
        assert!(
            format!("{error:#}").ends_with("it has no torch/lib/libc10.so"),
            "{error:#}"
        );
        assert!(target.join("old").exists());
        assert_eq!(
            fs::read_dir(temp.path()).unwrap().count(),
            2,
            "nothing half-written is left"
        );
    }

    #[test]
    fn a_truncated_wheel_is_an_error() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("torch.whl");
        wheel_file(&file, TORCH);
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
        let target = temp.path().join("libtorch");
        assert!(install(&[(&WHEELS[0], file)], &target).is_err());
        assert!(!target.exists());
    }

    #[test]
    fn names_that_lead_out_of_the_folder_are_refused() {
        assert_eq!(place_of(&WHEELS[0], "torch/include/../../evil"), None);
        assert_eq!(place_of(&WHEELS[0], "torch/lib/../libc10.so"), None);
    }

    #[test]
    fn leftovers_of_dead_processes_are_removed() {
        let temp = tempfile::tempdir().unwrap();
        let dead = temp.path().join("libtorch.building-4194305");
        let alive = temp
            .path()
            .join(format!("libtorch.building-{}", std::process::id()));
        fs::create_dir(&dead).unwrap();
        fs::create_dir(&alive).unwrap();
        remove_leftovers(temp.path());
        assert!(!dead.exists());
        assert!(alive.exists());
    }
}
