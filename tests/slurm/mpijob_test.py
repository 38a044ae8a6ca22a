"""slurm/mpijob_4gpu.yaml against the MPI Operator's description of an MPIJob (tools/golden/mpijob_schema.py), and against itself: what
the schema cannot say."""
import copy
import json
import os
import pathlib
import re
import subprocess
import unittest

SOURCE = pathlib.Path(os.environ["VOX_SOURCE_DIR"])
MANIFEST = SOURCE / "slurm" / "mpijob_4gpu.yaml"

try:
    import jsonschema
    import yaml
except ModuleNotFoundError as error:
    print(f"skipped: {error}: tools/setup.sh")
    raise SystemExit(77) from error


def errors(job):
    schema = json.loads((SOURCE / "tests/golden/mpijob_schema.json").read_text())
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
            for error in jsonschema.Draft202012Validator(schema).iter_errors(job)]


class Mpijob(unittest.TestCase):
    def setUp(self):
        self.text = MANIFEST.read_text()
        self.job = yaml.safe_load(self.text)
        self.replicas = self.job["spec"]["mpiReplicaSpecs"]
        self.launcher, self.worker = (self.replicas[name]["template"]["spec"] for name in ("Launcher", "Worker"))
        self.script = self.launcher["containers"][0]["args"][0]

    def test_follows_the_operators_schema(self):
        self.assertEqual(errors(self.job), [])

    def test_planted_errors_are_refused(self):
        def plant(change):
            job = copy.deepcopy(self.job)
            change(job["spec"])
            return "\n".join(errors(job))

        worker = lambda spec: spec["mpiReplicaSpecs"]["Worker"]["template"]["spec"]["containers"][0]  # noqa: E731
        planted = {
            "slotPerWorker": lambda spec: spec.update(slotPerWorker=spec.pop("slotsPerWorker")),
            "'4' is not of type 'integer'": lambda spec: spec.update(slotsPerWorker="4"),
            "'MPICH3' is not one of": lambda spec: spec.update(mpiImplementation="MPICH3"),
            "mpiReplicaSpecs": lambda spec: spec.pop("mpiReplicaSpecs"),
            "'name' is a required property": lambda spec: worker(spec).pop("name"),
            "volumeMount'": lambda spec: worker(spec).update(volumeMount=[]),
            "does not match": lambda spec: worker(spec)["resources"]["limits"].update(memory="256 GB"),
            "3 is not of type 'string'": lambda spec: worker(spec).update(env=[{"name": "A", "value": 3}]),
            "cleanPodsPolicy": lambda spec: spec["runPolicy"].update(cleanPodsPolicy="All"),
        }
        for message, change in planted.items():
            with self.subTest(message):
                self.assertIn(message, plant(change))

    def test_ranks_gpus_and_slots_agree(self):
        slots = self.job["spec"]["slotsPerWorker"]
        self.assertEqual(self.worker["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], slots)
        self.assertEqual(int(re.search(r"mpirun -np (\d+)", self.script).group(1)), slots * self.replicas["Worker"]["replicas"])
        self.assertNotIn("nvidia.com/gpu", self.launcher["containers"][0]["resources"].get("limits", {}))

    def test_mounts_have_volumes_and_the_command_names_them(self):
        volumes = {volume["name"] for volume in self.worker["volumes"]}
        mounts = {mount["name"]: mount["mountPath"] for mount in self.worker["containers"][0]["volumeMounts"]}
        self.assertEqual(volumes, set(mounts))
        self.assertIn(f"--data {mounts['shards']} --run {mounts['runs']}/", self.script)
        self.assertEqual(mounts["shared-memory"], "/dev/shm")

    def test_variables_are_those_of_the_job_scripts(self):
        given = {one["name"]: one["value"] for one in self.launcher["containers"][0]["env"]}
        for name, value in re.findall(r"\b((?:OMPI_MCA|HDF5)\w+)=(\w+)", (SOURCE / "slurm/env.sh").read_text()):
            self.assertEqual(given.get(name), value, name)
        for name in re.findall(r"-x (\w+)", self.script):
            self.assertTrue(name in given or name == "LD_LIBRARY_PATH", name)

    def test_the_script_hands_sigterm_on_and_keeps_the_code(self):
        # mpirun and ssh are stand-ins; the shell script is the manifest's.
        stand_ins = """ssh() { true; }; awk() { echo worker; }
            mpirun() { exec bash -c 'trap "sleep 0.2; exit 75" USR1; echo up; while true; do sleep 0.05; done'; }
            """
        with subprocess.Popen(["/bin/bash", "-c", stand_ins + self.script], stdout=subprocess.PIPE, text=True) as shell:
            self.assertEqual(shell.stdout.readline(), "up\n")
            shell.terminate()
            self.assertEqual(shell.wait(timeout=60), 75)

    def test_shellcheck_has_no_complaint(self):
        done = subprocess.run(["shellcheck", "--shell=bash", "--severity=warning", "-"], input=self.script, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
