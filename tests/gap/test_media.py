from __future__ import annotations

from pathlib import Path

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump, load
from transfer.gap import media

ROOT = "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro"
STICK = "90 22 8:17 / /media/stick ro,nosuid,nodev,noexec,relatime shared:40 - vfat /dev/sdb1 ro,fmask=0022"


def table(*lines: str) -> str:
    return "\n".join([ROOT, "23 22 0:21 / /proc rw,nosuid - proc proc rw", *lines, ""])


def test_a_stick_mounted_as_it_should_be() -> None:
    text = table(STICK)
    assert media.receivable(Path("/media/stick/bundle"), text) == ()
    medium = media.describe(Path("/media/stick/bundle"), text)
    assert (medium.device, medium.source, medium.filesystem, medium.mounted) == ("8:17", "/dev/sdb1", "vfat", "/media/stick")
    assert set(media.RECEIVER) <= set(medium.options)
    assert load(media.Medium, dump(medium)) == medium
    media.refuse_unreceivable(())


@pytest.mark.control("EXP-03")
@pytest.mark.parametrize("option", media.RECEIVER)
def test_a_missing_option_is_a_finding(option: str) -> None:
    super_options = STICK.replace(" ro,fmask", " rw,fmask")
    text = table(super_options.replace(f"{option},", "rw," if option == "ro" else "").replace(",noexec,", ",noexec,"))
    findings = media.receivable(Path("/media/stick"), text)
    assert findings == (f"/dev/sdb1 is mounted on /media/stick without {option}",)
    with pytest.raises(Refused) as error:
        media.refuse_unreceivable(findings)
    assert error.value.identifier == "EXP-03"


def test_read_only_of_the_device_counts_although_the_mount_says_rw() -> None:
    text = table(STICK.replace("stick ro,", "stick rw,"))
    assert media.receivable(Path("/media/stick"), text) == ()
    assert "rw" not in media.describe(Path("/media/stick"), text).options


def test_the_system_disk_is_no_stick() -> None:
    assert "own medium" in media.receivable(Path("/home/x"), table(STICK))[0]
    assert "own medium" in media.receivable(Path("/media/stick2"), table(STICK))[0]


def test_what_a_later_mount_covers_is_not_seen() -> None:
    over_parent = table(STICK, "95 22 0:50 / /media rw,relatime - tmpfs tmpfs rw")
    assert media.describe(Path("/media/stick"), over_parent).source == "tmpfs"
    over_itself = table(STICK, "96 90 0:51 / /media/stick rw - tmpfs other rw")
    assert media.describe(Path("/media/stick"), over_itself).source == "other"


def test_names_with_spaces() -> None:
    text = table(STICK.replace("/media/stick", "/media/my\\040stick"))
    assert media.describe(Path("/media/my stick/bundle"), text).mounted == "/media/my stick"


def test_a_root_that_is_its_own_parent() -> None:
    assert media.describe(Path("/x"), "1 1 0:2 / / rw - rootfs rootfs rw\n").filesystem == "rootfs"


@pytest.mark.parametrize("text", ["", "nonsense\n", "1 2 3\n", STICK, ROOT.replace(" - ", " ")])
def test_a_table_of_another_form_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        media.describe(Path("/media/stick"), text)


def test_the_kernels_own_table(tmp_path: Path) -> None:
    medium = media.describe(tmp_path)
    assert tmp_path.resolve().is_relative_to(medium.mounted)
    assert media.describe(Path("/proc/self")).filesystem == "proc"
