"""Judges time-stretchers on the same speech: `cargo xtask bench stretch` calls it, and docs/adr/0016 says what came of it.

usage: stretch.py AUDIO_FOLDER WORK_FOLDER OURS WSOLA [--speeds 1.5,2] [--engines a,b] [--files a,b] [--no-undo]

OURS and WSOLA are programs: `PROGRAM IN.wav OUT.wav SPEED`. Every engine gets the same 16 bit WAV, decoded by ffmpeg at
the recording's own rate and channels, and runs on one core; on each core one engine at a time. One JSON object on
standard output; progress on standard error.

Method, the same for all engines:
- time zero: an engine's output may be late by one constant (a window's fade-in). Each output is moved by the constant
  within 40 ms that gives it the least spectral distance, before everything but the duration.
- speed: media seconds of the longest file / CPU seconds (user and system) of the process, start and files included.
- duration: |seconds of output - seconds of media / speed|, the worst file, in ms.
- F0: in voiced frames (normalised autocorrelation > 0.7 in input and output), |F0 at output time t / F0 at media time
  t * speed - 1|; the median over all such frames. The input's frame at t * speed, so that a drift shows.
- spectral distance: 40 mel bands, Hann windows of 32 ms every 16 ms of the output, against the input's window at
  t * speed; mean |difference| in dB, over the frames in which the input is less than 45 dB below the channel's loudest;
  bands are cut at 70 dB below the loudest.
- clicks: a 1 ms pulse at -6 dBFS every 250 ms, in 20 s of silence and added to each recording. Lost: less than half its
  energy is within 20 ms of original / speed. In silence the energy is the window's; in speech it is that of the best
  match with the pulse, both pre-emphasised (1 - 0.95 z^-1), so that the voice is not taken for the click. Doubled: a
  second match of at least half the energy, 2 ms or more from the first, within 40 ms.
- PESQ (P.862, narrow band, 8 kHz) and STOI: the output is undone by one and the same call, `rubberband-r3 -t SPEED`,
  and compared with the input, per channel. PESQ in pieces of 15 s (it was made for such), pieces in which the input's
  channel is quieter than -55 dBFS are left out; STOI over the channel. Means are weighted by seconds.
"""

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile as sf
from pesq import NoUtterancesError, pesq
from pystoi import stoi
from scipy.signal import resample_poly

warnings.filterwarnings("ignore")
CLICK_S, CLICK_EVERY_S, CLICK_AMPLITUDE, CLICK_NEAR_S = 0.001, 0.25, 0.501, 0.020
PIECE_S = 15
# Each worker has a core of its own.
CORE = min(os.sched_getaffinity(0))


def call(command, env=None):
    """Runs on one core without input; gives its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["taskset", "-c", str(CORE), *map(str, command)], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=600, env=env)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr.decode(errors='replace')[-400:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def engines(ours, wsola):
    def tool(*front):
        return lambda source, out, speed: [part.format(i=source, o=out, s=speed) for part in front]

    percent = lambda speed: f"{(speed - 1) * 100:+.4f}"
    return {
        "ours": tool(ours, "{i}", "{o}", "{s}"),
        "wsola": tool(wsola, "{i}", "{o}", "{s}"),
        "libsonic": tool("sonic", "-s", "{s}", "{i}", "{o}"),
        "atempo": tool("ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", "-i", "{i}", "-af",
                       "atempo={s}", "{o}"),
        "soundstretch": lambda i, o, s: ["soundstretch", i, o, f"-tempo={percent(s)}", "-speech"],
        "rubberband": tool("rubberband-r3", "-q", "-T", "{s}", "{i}", "{o}"),
    }


def read(path):
    samples, rate = sf.read(path, dtype="float32", always_2d=True)
    return samples, rate


def write(path, samples, rate):
    sf.write(path, np.clip(samples, -1, 32767 / 32768), rate, subtype="PCM_16")


def repaired(path, channels):
    """The samples of a WAV whose header may lie: libsonic's program always says mono, and no length at all into a pipe."""
    raw = Path(path).read_bytes()
    at = raw.find(b"data", 36) + 8
    data = np.frombuffer(raw[at: at + (len(raw) - at) // (2 * channels) * 2 * channels], "<i2")
    return data.reshape(-1, channels).astype(np.float32) / 32768, int.from_bytes(raw[24:28], "little")


def mel_bank(rate, size, bands=40):
    mel = lambda hz: 2595 * np.log10(1 + hz / 700)
    edges = 700 * (10 ** (np.linspace(mel(60), mel(min(rate / 2, 8000) * 0.98), bands + 2) / 2595) - 1)
    hz = np.fft.rfftfreq(size, 1 / rate)
    rise = (hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - hz) / (edges[2:] - edges[1:-1])[:, None]
    bank = np.maximum(0, np.minimum(rise, fall))
    # At low frequencies a band can be narrower than a bin: it takes the nearest one.
    for band in np.nonzero(bank.sum(1) == 0)[0]:
        bank[band, np.argmin(np.abs(hz - edges[band + 1]))] = 1
    return bank


def frames_at(samples, centres, size):
    padded = np.pad(samples, (size, size))
    starts = np.clip(np.round(centres).astype(int) + size - size // 2, 0, len(padded) - size)
    return padded[starts[:, None] + np.arange(size)]


def spectral(source, out, rate, speed):
    """Sum of |dB| and number of values."""
    size = int(rate * 0.032) // 2 * 2
    centres = np.arange(0, len(out), rate * 0.016)
    window, bank = np.hanning(size), mel_bank(rate, size)
    power = lambda x, at: np.abs(np.fft.rfft(frames_at(x, at, size) * window)) ** 2 @ bank.T
    theirs, ours = power(source, centres * speed), power(out, centres)
    loudest = theirs.sum(1).max()
    if loudest <= 0:
        return 0.0, 0
    kept = theirs.sum(1) > loudest * 10 ** -4.5
    db = lambda p: 10 * np.log10(np.maximum(p[kept] / loudest, 1e-7))
    return float(np.abs(db(theirs) - db(ours)).mean(1).sum()), int(kept.sum())


def moved(samples, shift):
    """Later parts of the samples for a positive shift, the same length."""
    return np.pad(samples, ((max(0, -shift), max(0, shift)), (0, 0)))[max(0, shift): max(0, shift) + len(samples)]


def best_shift(source, out, rate, speed):
    loudest = int(np.argmax((source**2).sum(0)))
    part = out[: rate * 60]

    def distance(ms):
        db, n = spectral(source[:, loudest], moved(part, round(ms * rate / 1000))[:, loudest], rate, speed)
        return db / max(n, 1)

    coarse = min(range(-40, 41, 4), key=distance)
    return round(min(range(coarse - 3, coarse + 4), key=distance) * rate / 1000)


def f0_frames(samples, centres, rate):
    size, least, most = int(rate * 0.048), int(rate / 400), int(rate / 70)
    frames = frames_at(samples, centres, size)
    frames = frames - frames.mean(1, keepdims=True)
    padded = 1 << int(np.ceil(np.log2(size + most + 2)))
    whole = np.fft.irfft(np.abs(np.fft.rfft(frames, padded)) ** 2)[:, : most + 2]
    squares = np.cumsum(np.pad(frames**2, ((0, 0), (1, 0))), 1)
    lags = np.arange(most + 2)
    norm = np.sqrt(squares[:, size - lags] * (squares[:, [size]] - squares[:, lags])) + 1e-9
    r = whole / norm
    inside = r[:, least: most + 1].copy()
    # The shortest lag that is nearly the best: not an octave below.
    best = inside.max(1)
    lag = np.argmax((inside >= 0.93 * best[:, None]) & (inside >= r[:, least - 1: most]) & (inside >= r[:, least + 1: most + 2]), 1) + least
    rows = np.arange(len(r))
    a, b, c = r[rows, lag - 1], r[rows, lag], r[rows, lag + 1]
    shift = np.clip(0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-9), -1, 1)
    loud = (frames**2).mean(1) > 1e-5
    return rate / (lag + shift), (best > 0.7) & loud


def f0_deviations(source, out, rate, speed):
    centres = np.arange(0, len(out), rate * 0.016)
    (theirs, voiced), (ours, voiced_too) = (f0_frames(source, centres * speed, rate), f0_frames(out, centres, rate))
    both = voiced & voiced_too
    return np.abs(ours[both] / theirs[both] - 1)


def with_clicks(samples, rate):
    clicked = samples.copy()
    length = max(1, round(CLICK_S * rate))
    places = np.arange(round(CLICK_EVERY_S * rate), len(samples) - rate // 4, round(CLICK_EVERY_S * rate))
    for place in places:
        clicked[place: place + length] += CLICK_AMPLITUDE
    return clicked, places


def clicks(out, places, rate, speed, silent):
    """Lost, doubled."""
    length = max(1, round(CLICK_S * rate))
    near = round(CLICK_NEAR_S * rate)
    emphasise = lambda x: np.append(x[0], x[1:] - 0.95 * x[:-1])
    pulse = emphasise(np.pad(np.full(length, CLICK_AMPLITUDE), (1, 1)))
    energy = float((pulse**2).sum())
    y = np.pad(out, (rate // 4, rate // 4))
    lost = doubled = 0
    for place in places:
        at = round(place / speed) + rate // 4
        if at + near + length > len(y):
            lost += 1
            continue
        match = lambda reach: np.correlate(emphasise(y[at - reach - 1: at + reach + length + 1]), pulse, "valid") / energy
        near_match = np.abs(match(near))
        if silent:
            lost += float((y[at - near: at + near + length] ** 2).sum()) < 0.5 * CLICK_AMPLITUDE**2 * length
        else:
            lost += near_match.max() ** 2 < 0.5
        wide = np.abs(match(2 * near))
        best = int(wide.argmax())
        wide[max(0, best - round(0.002 * rate)): best + round(0.002 * rate) + 1] = 0
        doubled += wide.max() ** 2 >= 0.5
    return lost, doubled


def quality(source, undone, rate):
    """Weighted PESQ, its seconds, weighted STOI, its seconds."""
    length = min(len(source), len(undone))
    p = p_s = s = s_s = 0.0
    for channel in range(source.shape[1]):
        ref, deg = source[:length, channel].astype(np.float64), undone[:length, channel].astype(np.float64)
        if (ref**2).mean() < 10 ** -6.5:
            continue
        s, s_s = s + stoi(ref, deg, rate) * length / rate, s_s + length / rate
        if rate != 8000:
            ref, deg = (resample_poly(x, 8000, rate) for x in (ref, deg))
        for start in range(0, len(ref), PIECE_S * 8000):
            a, b = ref[start: start + PIECE_S * 8000], deg[start: start + PIECE_S * 8000]
            if len(a) < 4 * 8000 or (a**2).mean() < 10**-5.5:
                continue
            try:
                p, p_s = p + pesq(8000, a, b, "nb") * len(a), p_s + len(a)
            except NoUtterancesError:
                pass
    return p, p_s, s, s_s


def judge(name, command, files, speed, work, undo):
    sums = {"mel": 0.0, "mel_n": 0, "lost": 0, "doubled": 0, "clicks": 0, "p": 0.0, "p_s": 0.0, "s": 0.0, "s_s": 0.0}
    duration_ms, f0, shifts = 0.0, [], []
    out, back, clicked = (work / f"{name}-{speed:g}-{kind}.wav" for kind in ("out", "back", "clicked"))

    def stretch(path):
        cpu_s = call(command(path, out, speed))
        channels = sf.info(path).channels
        samples, rate = repaired(out, channels) if name == "libsonic" else read(out)
        return samples, rate, cpu_s

    per_file = {}
    longest = max(files, key=lambda file: len(file[1]))
    times_real_time = 0.0
    for path, source, rate in files:
        made, made_rate, cpu_s = stretch(path)
        assert made_rate == rate, f"{name} changed the rate"
        if path == longest[0]:
            cpu_s = min([cpu_s] + [stretch(path)[2] for _ in range(2)])
            times_real_time = len(source) / rate / cpu_s
        made_s = len(made) / rate
        duration_ms = max(duration_ms, abs(made_s - len(source) / rate / speed) * 1e3)
        shift = best_shift(source, made, rate, speed)
        shifts.append(shift / rate * 1e3)
        made = moved(made, shift)
        file = {"mel": 0.0, "mel_n": 0}
        for channel in range(source.shape[1]):
            db, n = spectral(source[:, channel], made[:, channel], rate, speed)
            file["mel"], file["mel_n"] = file["mel"] + db, file["mel_n"] + n
            f0.append(f0_deviations(source[:, channel], made[:, channel], rate, speed))
        if undo:
            write(out, made, rate)
            call(["rubberband-r3", "-q", "-t", speed, out, back])
            file["p"], file["p_s"], file["s"], file["s_s"] = quality(source, read(back)[0], rate)
        marked, places = with_clicks(source, rate)
        write(clicked, marked, rate)
        made = moved(stretch(clicked)[0], shift)
        file["lost"] = file["doubled"] = file["clicks"] = 0
        for channel in range(source.shape[1]):
            lost, doubled = clicks(made[:, channel], places, rate, speed, False)
            file["lost"], file["doubled"] = file["lost"] + lost, file["doubled"] + doubled
            file["clicks"] += len(places)
        for key, value in file.items():
            sums[key] += value
        per_file[path.stem] = summary(file)
    silence = np.zeros((8000 * 20, 1), np.float32)
    marked, places = with_clicks(silence, 8000)
    write(clicked, marked, 8000)
    made = moved(stretch(clicked)[0], round(float(np.median(shifts)) * 8))
    lost, doubled = clicks(made[:, 0], places, 8000, speed, True)
    f0 = np.concatenate(f0)
    return {
        "times_real_time": times_real_time,
        "duration_error_ms": duration_ms,
        "late_ms": float(np.median(shifts)),
        "f0_deviation_percent": float(np.median(f0)) * 100,
        "f0_far_percent": float((f0 > 0.1).mean()) * 100,
        **summary(sums),
        "clicks_lost_in_silence_percent": 100 * lost / len(places),
        "clicks_doubled_in_silence_percent": 100 * doubled / len(places),
        "files": per_file,
    }


def decode_and_stretch(asked):
    """Times real time of ours from the recordings as they come, at 2x: the longest one."""
    longest = max(asked.audio.glob("*.mp3"), key=lambda path: path.stat().st_size)
    cpu_s = min(call([asked.ours, longest, asked.work / "decoded.wav", 2]) for _ in range(5))
    return sf.info(asked.work / "decoded.wav").duration * 2 / cpu_s


def summary(sums):
    per = lambda key, n: sums[key] / sums[n] if sums.get(n) else None
    lost, doubled = per("lost", "clicks"), per("doubled", "clicks")
    return {"spectral_db": per("mel", "mel_n"), "clicks_lost_percent": 100 * lost, "clicks_doubled_percent": 100 * doubled,
            "pesq": per("p", "p_s"), "stoi": per("s", "s_s")}


def take_core(places):
    global CORE
    CORE = places.get()
    os.sched_setaffinity(0, {CORE})


def row(asked, name, speed, files):
    return judge(name, engines(asked.ours, asked.wsola)[name], files, speed, asked.work, not asked.no_undo)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("audio", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("ours")
    parser.add_argument("wsola")
    parser.add_argument("--speeds", default="1.5,2")
    parser.add_argument("--engines", default="")
    parser.add_argument("--files", default="")
    parser.add_argument("--no-undo", action="store_true")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    files = []
    for path in sorted([*asked.audio.glob("*.wav"), *asked.audio.glob("*.mp3")]):
        if asked.files and not any(part in path.name for part in asked.files.split(",")):
            continue
        wav = asked.work / f"{path.stem}.wav"
        call(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", path, "-c:a", "pcm_s16le", wav])
        samples, rate = read(wav)
        # Without ffmpeg's notes in the header, which libsonic's program does not take.
        write(wav, samples, rate)
        files.append((wav, samples, rate))
    chosen = [name for name in asked.engines.split(",") if name]
    found = {"decode": decode_and_stretch(asked)} if "ours" in chosen or not chosen else {}
    wanted = [(float(speed), name) for speed in asked.speeds.split(",") for name in engines(asked.ours, asked.wsola)
              if not chosen or name in chosen]
    cores = sorted(os.sched_getaffinity(0))
    places = multiprocessing.SimpleQueue()
    for core in cores:
        places.put(core)
    with ProcessPoolExecutor(len(cores), initializer=take_core, initargs=(places,)) as pool:
        rows = [(speed, name, pool.submit(row, asked, name, speed, files)) for speed, name in wanted]
        for speed, name, made in rows:
            found.setdefault(f"{speed:g}", {})[name] = judged = made.result()
            print(f"{speed:g}x {name:<12} " + " ".join(f"{k} {v:.3f}" for k, v in judged.items() if isinstance(v, float)),
                  file=sys.stderr, flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
