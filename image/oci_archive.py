# SPDX-License-Identifier: Apache-2.0
"""Packs folders as the layers of a container image, in one tar that is both a docker-archive and an OCI layout.

The same folders give the same bytes: entries sorted, owner root, every time the epoch, no time in the gzip header.
Formats: OCI image-spec v1.1 (image-layout.md, config.md, layer.md); `docker save`'s manifest.json.
"""

import gzip
import hashlib
import io
import json
import os
import tarfile

EPOCH = "1970-01-01T00:00:00Z"
MEDIA_TYPE = "application/vnd.oci.image."


def _sha256(data):
    return hashlib.sha256(data).hexdigest()


def _json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _entries(folder):
    """Every path below `folder` as a name relative to it, parents before children, in byte order."""
    found = []
    for parent, folders, files in os.walk(folder):
        found += [os.path.relpath(os.path.join(parent, name), folder) for name in folders + files]
    return sorted(found, key=os.fsencode)


def _anonymous(info):
    """Drops what depends on who built and when; keeps the modes."""
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return info


def _layer(folder):
    """The folder as an uncompressed tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in _entries(folder):
            tar.add(os.path.join(folder, name), name, recursive=False, filter=_anonymous)
    return buffer.getvalue()


class _Blobs:
    """Content-addressed files of the archive; add() answers the descriptor by which others refer to one."""

    def __init__(self):
        self.files = {}

    def add(self, data, media_type):
        digest = _sha256(data)
        self.files["blobs/sha256/" + digest] = data
        return {"mediaType": MEDIA_TYPE + media_type, "digest": "sha256:" + digest, "size": len(data)}


def _path(descriptor):
    return "blobs/" + descriptor["digest"].replace(":", "/")


def _config(config, architecture, layers):
    return _json({
        "architecture": architecture,
        "os": "linux",
        "created": EPOCH,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + _sha256(layer) for layer in layers]},
        "history": [{"created": EPOCH, "created_by": "image/build"} for _ in layers],
    })


def _index(manifest, name):
    """OCI index; containerd takes the image's name from the first annotation, others the tag from the second."""
    annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
    return _json({
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE + "index.v1+json",
        "manifests": [dict(manifest, annotations=annotations)],
    })


def _write_tar(path, files):
    with tarfile.open(path, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in sorted(files):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(files[name]), 0o644
            tar.addfile(info, io.BytesIO(files[name]))


def write(path, name, folders, config, architecture):
    """Writes the image `name` (REPOSITORY:TAG) with one layer for each folder to `path`.

    `config` is the image's run configuration (User, Entrypoint, Labels …), `architecture` in Go's words (amd64).
    Answers the digest of the manifest, "sha256:…", and the sum of the compressed layers in bytes.
    """
    layers = [_layer(folder) for folder in folders]
    blobs = _Blobs()
    packed = [blobs.add(gzip.compress(layer, 9, mtime=0), "layer.v1.tar+gzip") for layer in layers]
    image = blobs.add(_config(config, architecture, layers), "config.v1+json")
    manifest = blobs.add(_json({
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE + "manifest.v1+json",
        "config": image,
        "layers": packed,
    }), "manifest.v1+json")
    docker = [{"Config": _path(image), "RepoTags": [name], "Layers": [_path(layer) for layer in packed]}]
    _write_tar(path, dict(blobs.files, **{
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _index(manifest, name),
        "manifest.json": _json(docker),
    }))
    return manifest["digest"], sum(layer["size"] for layer in packed)
