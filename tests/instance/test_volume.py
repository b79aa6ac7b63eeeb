"""The data volume: which disk it is, what may be done to it, and what is said where it is not there.

The disks are folders like /sys/block, and mount, blkid and mkfs are scripts that note their calls; `make test-host` has
the real ones.
"""

import pathlib
import shutil
import unittest

from machine import Case

EBS = "Amazon Elastic Block Store"


class Volume(Case):
    def setUp(self):
        super().setUp()
        self.put_env()
        self.blocks = self.machine.root / "block"
        self.blocks.mkdir()
        self.calls = self.machine.root / "calls"
        self.calls.write_text("")
        # What blkid tells of a device stands in a file of its name: USAGE or PTTYPE, and LABEL.
        self.tool("blkid", f'case "$*" in *LABEL*) kind=label ;; *) kind=kind ;; esac\ncat "{self.machine.root}/${{@: -1}}.$kind" 2>/dev/null')
        self.tool("mount", f'echo "mount $*" >>{self.calls}\nexit 1')
        self.tool("mkfs.xfs", f'echo "mkfs.xfs $*" >>{self.calls}\necho filesystem >"{self.machine.root}/${{@: -1}}.kind"')
        # A disk's content stands in a file; a disk without the file is blank.
        content = f'{{ cat "{self.machine.root}/$3.bytes" 2>/dev/null; exit; }}'
        self.tool("head", f'[[ -z ${{3:-}} ]] || {content}\nexec /usr/bin/head "$@"')
        (self.machine.root / "dev").mkdir()
        self.machine.variables["ETCD_ASG_DATA_DEVICE"] = "/dev/sdf"
        self.machine.variables["ETCD_ASG_SYS_BLOCK"] = str(self.blocks)

    def tool(self, name, body):
        path = self.machine.bin / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def disk(self, name, model=EBS, kind="", label="", partitions=(), holder=None, number="259:9"):
        folder = self.blocks / name
        (folder / "device").mkdir(parents=True)
        (folder / "holders").mkdir()
        (folder / "device" / "model").write_text(f"{model:40}\n")
        (folder / "dev").write_text(f"{number}\n")
        for partition in partitions:
            (folder / partition).mkdir()
        if holder:
            (folder / "holders" / holder).mkdir()
        for suffix, text in (("kind", kind), ("label", label)):
            (self.machine.root / "dev" / f"{name}.{suffix}").write_text(f"{text}\n" if text else "")

    def partition(self, disk, name, number, holder=None):
        folder = self.blocks / disk / name
        (folder / "holders").mkdir()
        (folder / "dev").write_text(f"{number}\n")
        if holder:
            (folder / "holders" / holder).mkdir()

    def prepared(self):
        status, said = self.machine.prepare()
        return status, said, self.calls.read_text().splitlines()

    def root_disk(self):
        self.disk("nvme0n1", partitions=("nvme0n1p1", "nvme0n1p15"))

    def test_no_volume_is_said_and_nothing_is_started(self):
        self.root_disk()
        status, said, calls = self.prepared()
        self.assertEqual((status, calls), (75, []), said)
        self.assertIn("etcd is not started without its data volume: the data volume /dev/sdf is not there", said)
        self.assertEqual(self.cloud.reads, [])
        self.assertFalse(self.machine.data.exists(), "nothing is written to the root volume")

    def test_the_one_free_ebs_disk_is_it(self):
        self.root_disk()
        self.disk("nvme1n1")
        self.disk("nvme2n1", model="Amazon EC2 NVMe Instance Storage")
        _, said, calls = self.prepared()
        self.assertEqual(calls, ["mkfs.xfs -q -L etcd-asg /dev/nvme1n1", f"mount -o noatime /dev/nvme1n1 {self.machine.data}"], said)
        self.assertIn("is blank: making a file system", said)
        self.assertIn("cannot be mounted", said)

    def test_a_file_system_is_mounted_and_never_made_anew(self):
        self.root_disk()
        self.disk("nvme1n1", kind="filesystem", label="etcd-asg")
        self.assertEqual(self.prepared()[2], [f"mount -o noatime /dev/nvme1n1 {self.machine.data}"])

    def test_a_file_system_of_somebody_else_is_neither_mounted_nor_made_anew(self):
        """Nobody named this disk: that it is the only one does not make it the data volume."""
        for label in ("", "backups", "etcd-asg-2"):
            with self.subTest(label):
                self.disk("nvme1n1", kind="filesystem", label=label)
                status, said, calls = self.prepared()
                self.assertEqual((status, calls), (75, []), said)
                self.assertIn("no EBS disk is free (/dev/nvme1n1 has partitions or a file system without the label etcd-asg", said)
                shutil.rmtree(self.blocks / "nvme1n1")
        self.disk("nvme1n1", kind="filesystem")
        self.disk("nvme2n1")
        self.assertEqual(self.prepared()[2][0], "mkfs.xfs -q -L etcd-asg /dev/nvme2n1")

    def test_what_is_neither_blank_nor_a_file_system_is_refused(self):
        for kind in ("crypto", "raid", "gpt", "other"):
            with self.subTest(kind):
                self.disk("nvme1n1", kind=kind)
                said = self.assert_refused(78, f"can be mounted ({kind}); nothing on it was changed")
                self.assertEqual(self.calls.read_text(), "", said)
                shutil.rmtree(self.blocks / "nvme1n1")

    def test_data_without_a_known_form_is_not_overwritten(self):
        self.disk("nvme1n1")
        (self.machine.root / "dev" / "nvme1n1.bytes").write_bytes(b"\0" * 100_000 + b"x" + b"\0" * 100)
        self.assert_refused(78, "(unknown data); nothing on it was changed")
        self.assertEqual(self.calls.read_text(), "")

    def test_two_free_disks_are_not_guessed_about(self):
        self.disk("nvme1n1")
        self.disk("nvme2n1")
        status, said, calls = self.prepared()
        self.assertEqual((status, calls), (75, []), said)
        self.assertIn("it is not known which of the disks /dev/nvme1n1 /dev/nvme2n1 is the data volume /dev/sdf", said)

    def test_of_two_the_one_that_was_used_before_is_it(self):
        self.disk("nvme1n1", kind="filesystem")
        self.disk("nvme2n1", kind="filesystem", label="etcd-asg")
        self.assertEqual(self.prepared()[2], [f"mount -o noatime /dev/nvme2n1 {self.machine.data}"])

    def test_two_that_were_used_before_are_not_guessed_about(self):
        for name in ("nvme1n1", "nvme2n1"):
            self.disk(name, kind="filesystem", label="etcd-asg")
        status, said, calls = self.prepared()
        self.assertEqual((status, calls), (75, []), said)

    def test_the_image_s_own_tool_decides_among_several(self):
        for name in ("nvme1n1", "nvme2n1", "nvme3n1"):
            self.disk(name)
        for answer in ("sdf", "/dev/sdf"):
            with self.subTest(answer):
                self.calls.write_text("")
                self.tool("ebsnvme-id", f'[[ "$*" == "--block-dev /dev/nvme2n1" ]] && echo {answer} || echo sdg')
                self.assertEqual(self.prepared()[2][-1], f"mount -o noatime /dev/nvme2n1 {self.machine.data}")

    def test_a_disk_in_use_is_not_free(self):
        self.disk("nvme1n1", holder="dm-0")
        number = pathlib.Path("/proc/self/mountinfo").read_text().split()[2]
        self.disk("nvme2n1", number=number)
        status, said, calls = self.prepared()
        self.assertEqual((status, calls), (75, []), said)
        self.assertIn("no EBS disk is free", said)

    def test_a_disk_with_partitions_is_left_alone_and_named(self):
        """The root disk has partitions, too, of which one is mounted: it is not named."""
        self.root_disk()
        self.disk("nvme1n1", kind="dos", partitions=("nvme1n1p1",))
        self.partition("nvme1n1", "nvme1n1p1", "259:11")
        status, said, calls = self.prepared()
        self.assertEqual((status, calls), (75, []), said)
        self.assertIn("no EBS disk is free (/dev/nvme1n1 has partitions or a file system without the label etcd-asg, so it is left alone); does", said)

    def test_a_disk_whose_partition_is_in_use_is_not_named(self):
        mounted = pathlib.Path("/proc/self/mountinfo").read_text().split()[2]
        self.disk("nvme1n1", partitions=("nvme1n1p1", "nvme1n1p2"))
        self.partition("nvme1n1", "nvme1n1p1", "259:11")
        self.partition("nvme1n1", "nvme1n1p2", mounted)
        self.disk("nvme2n1", partitions=("nvme2n1p1",))
        self.partition("nvme2n1", "nvme2n1p1", "259:12", holder="dm-0")
        self.disk("nvme3n1", kind="dos", partitions=("nvme3n1p1",))
        self.partition("nvme3n1", "nvme3n1p1", "259:13")
        self.disk("nvme4n1")
        _, said, calls = self.prepared()
        self.assertEqual(calls[0], "mkfs.xfs -q -L etcd-asg /dev/nvme4n1", said)
        self.assertNotIn("has partitions", said)

    def test_a_mounted_folder_is_taken_as_it_is(self):
        self.machine.variables["ETCD_ASG_DATA_DIR"] = "/proc"
        _, said, calls = self.prepared()
        self.assertEqual(calls, [])
        self.assertNotIn("data volume", said)

    def test_without_the_setting_nothing_is_looked_for(self):
        del self.machine.variables["ETCD_ASG_DATA_DEVICE"]
        self.assertEqual(self.machine.prepare(), (0, ""))

    def test_a_name_that_is_no_device_is_refused(self):
        for name in ("sdf", "/dev/../etc/x", "/dev/sd f", "/etc/passwd"):
            self.machine.variables["ETCD_ASG_DATA_DEVICE"] = name
            self.assert_refused(78, f"ETCD_ASG_DATA_DEVICE is '{name}'")


if __name__ == "__main__":
    unittest.main()
