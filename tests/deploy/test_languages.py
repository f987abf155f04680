"""The examples of the folder's README: what compiles here gives the score of Python."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import yamjit
from yamjit.deploy import deploy
from yamjit.kernels.machine_code.platforms import own_platform

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(starter: yamjit.Classifier, built_libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform != "linux" or own_platform() != "linux-x86_64":
        pytest.skip("the examples name the library of linux-x86_64")
    out = tmp_path_factory.mktemp("languages") / "starter"
    deploy(starter, out, libraries=built_libraries)
    return out


def blocks(folder: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def first_score(starter: yamjit.Classifier) -> str:
    silence = starter.score_window(np.zeros(starter.window_samples, np.float32))
    return f"{starter.heads[0].labels[0]} {silence.scores[0, 0]:.3f}"


def output(*command: str | Path, where: Path) -> str:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_c(folder: Path, starter: yamjit.Classifier) -> None:
    needs("cc")
    main = """
    #include <string.h>
    int main(int count, char **names) {
        FILE *file = fopen(names[count - 1], "rb");
        static _Alignas(64) char plan[1 << 24];
        return name_one(plan, fread(plan, 1, sizeof plan, file));
    }
    """
    (folder / "one.c").write_text(blocks(folder, "c")[0] + main, encoding="utf-8")
    output("cc", "-Wall", "-Wextra", "-Werror", "one.c", "linux-x86_64/libyamjit.a", "-o", "one", where=folder)
    assert output("./one", "model-x86.plan", where=folder) == first_score(starter)


def test_cpp_takes_the_header(folder: Path) -> None:
    needs("c++")
    (folder / "one.cpp").write_text(
        '#include "yamjit.h"\nint main() { return yamjit_heads(nullptr); }\n', encoding="utf-8"
    )
    output("c++", "-Wall", "-Wextra", "-Werror", "one.cpp", "linux-x86_64/libyamjit.a", "-o", "cpp", where=folder)
    assert output("./cpp", where=folder) == ""


def test_go(folder: Path, starter: yamjit.Classifier) -> None:
    needs("go")
    place = folder / "go"
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("*.c", "*.cpp", "go"))
    (place / "main.go").write_text(blocks(folder, "go")[0], encoding="utf-8")
    (place / "go.mod").write_text("module sounds\n\ngo 1.19\n", encoding="utf-8")
    output("go", "build", "-o", "sounds", ".", where=place)
    label, _, score = output("./sounds", "model-x86.plan", where=place).rpartition(" ")
    assert f"{label} {float(score):.3f}" == first_score(starter)


def test_rust(folder: Path, starter: yamjit.Classifier) -> None:
    needs("cargo")
    place = folder / "rust"
    build, main = blocks(folder, "rust")
    shutil.copytree(folder / "linux-x86_64", place / "linux-x86_64")
    (place / "src").mkdir()
    (place / "build.rs").write_text(build, encoding="utf-8")
    (place / "src" / "main.rs").write_text(main, encoding="utf-8")
    (place / "Cargo.toml").write_text(
        '[package]\nname = "sounds"\nversion = "0.1.0"\nedition = "2021"\n', encoding="utf-8"
    )
    output("cargo", "build", "-q", "--offline", where=place)
    assert output("target/debug/sounds", "../model-x86.plan", where=place) == first_score(starter)


# -- On phones --------------------------------------------------------------------------------------------------

#: What Kotlin's compiler makes of `Sounds.kt`, as far as this test asks for it, for machines without that.
JAVA = """
package sounds;

public final class Sounds implements AutoCloseable {
    static { System.loadLibrary("sounds"); }
    private final long model;
    public Sounds(java.nio.ByteBuffer plan) { model = open(plan); }
    public int getWindow() { return window(model); }
    public int getSampleRate() { return sampleRate(model); }
    public java.util.List<String> getLabels() {
        return java.util.stream.IntStream.range(0, classes(model)).mapToObj(
            i -> new String(label(model, i), java.nio.charset.StandardCharsets.UTF_8)).toList();
    }
    public float[] scores(float[] samples) {
        float[] found = new float[classes(model)];
        run(model, samples, found);
        return found;
    }
    public void close() { close(model); }
    private native long open(java.nio.ByteBuffer plan);
    private native void close(long model);
    private native int sampleRate(long model);
    private native int window(long model);
    private native int classes(long model);
    private native byte[] label(long model, int index);
    private native void run(long model, float[] window, float[] scores);
}
"""

CALLER = """
import java.nio.*;
import java.nio.channels.FileChannel;
import java.nio.file.*;
import sounds.Sounds;

public final class Caller {
    public static void main(String[] names) throws Exception {
        Path file = Path.of(names[0]);
        ByteBuffer plan = FileChannel.open(file).map(FileChannel.MapMode.READ_ONLY, 0, Files.size(file));
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(Path.of(names[1]))).order(ByteOrder.LITTLE_ENDIAN);
        try (Sounds sounds = new Sounds(plan)) {
            Files.writeString(Path.of(names[2] + ".labels"), String.join("\\n", sounds.getLabels()));
            float[] window = new float[sounds.getWindow()];
            ByteBuffer found = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
            for (FloatBuffer samples = bytes.asFloatBuffer(); samples.hasRemaining();) {
                samples.get(window);
                for (float score : sounds.scores(window)) found.putFloat(score);
            }
            Files.write(Path.of(names[2]), java.util.Arrays.copyOf(found.array(), found.position()));
            try {
                sounds.scores(new float[1]);
            } catch (IllegalArgumentException expected) {
                System.out.println(expected.getMessage());
            }
        }
        try {
            new Sounds(ByteBuffer.allocate(1000)); // which C cannot reach
        } catch (Exception expected) {
            System.out.println(expected.getMessage());
        }
    }
}
"""


@pytest.mark.parametrize("language", ["java", "kotlin"])
def test_the_class_for_android_gives_the_bits_of_python(
    language: str, folder: Path, starter: yamjit.Classifier, tmp_path: Path
) -> None:
    """Here with this machine's library, called as Android calls its own."""
    needs("cc")
    needs("javac")
    program = shutil.which("javac")
    include = Path(str(program)).resolve().parents[1] / "include"
    if not (include / "jni.h").is_file():
        pytest.skip(f"{include} has no jni.h")
    sources = Path(yamjit.deploy.__file__).parent / "phones"
    options = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{include}", f"-I{include / 'linux'}")
    built = (sources / "sounds.c", folder / "linux-x86_64" / "libyamjit.a", "-o", tmp_path / "libsounds.so")
    output("cc", *options, f"-I{folder}", *built, where=tmp_path)
    path = str(tmp_path)
    if language == "kotlin":
        needs("kotlinc")
        output("kotlinc", sources / "Sounds.kt", "-include-runtime", "-d", "sounds.jar", where=tmp_path)
        path += f":{tmp_path / 'sounds.jar'}"
    else:
        (tmp_path / "Sounds.java").write_text(JAVA, encoding="utf-8")
        output("javac", "-d", ".", "Sounds.java", where=tmp_path)
    (tmp_path / "Caller.java").write_text(CALLER, encoding="utf-8")
    output("javac", "-cp", path, "-d", ".", "Caller.java", where=tmp_path)
    windows = np.random.default_rng(0).uniform(-0.3, 0.3, (5, starter.window_samples)).astype(np.float32)
    (tmp_path / "windows").write_bytes(windows.tobytes())
    command = ("java", f"-Djava.library.path={tmp_path}", "-cp", path, "Caller", folder / "model-x86.plan")
    said = output(*command, "windows", "scores", where=tmp_path).splitlines()
    expected = np.concatenate([starter.score_window(window).scores for window in windows])
    assert (tmp_path / "scores").read_bytes() == expected.tobytes()
    assert (tmp_path / "scores.labels").read_text(encoding="utf-8").splitlines() == list(starter.heads[0].labels)
    assert said == ["an argument is NULL or out of range"] * 2


def test_swift_finds_the_header(folder: Path, tmp_path: Path) -> None:
    """By its module, as clang reads it for Objective-C as well."""
    pytest.importorskip("ziglang")
    shutil.copy(Path(yamjit.deploy.__file__).parent / "phones" / "module.modulemap", tmp_path)
    shutil.copy(folder / "yamjit.h", tmp_path)
    (tmp_path / "use.m").write_text("@import Yamjit;\nint main(void) { return yamjit_heads(0); }\n", encoding="utf-8")
    clang = (sys.executable, "-m", "ziglang", "cc", "-fmodules", f"-fmodules-cache-path={tmp_path}", f"-I{tmp_path}")
    output(*clang, "-c", "use.m", where=tmp_path)
    needs("swiftc")
    swift = Path(yamjit.deploy.__file__).parent / "phones" / "Sounds.swift"
    output("swiftc", "-typecheck", f"-I{tmp_path}", swift, where=tmp_path)
