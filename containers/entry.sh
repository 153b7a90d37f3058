#!/bin/sh
# Entry point of the images: the workflow on the folder that is mounted, where the settings are copied once.
set -eu
home=/opt/galaxypair
if [ ! -w . ]; then
  echo "$(pwd): user $(id -u) may not write there. Start the container as yourself, in a folder of yours:" >&2
  echo '  docker run --rm --init --user "$(id -u):$(id -g)" -v "$PWD:/work" galaxypair --cores all' >&2
  exit 1
fi
if [ ! -e config ]; then
  cp -r "$home/config" config
  echo "config/ is new here: the settings, every key with its meaning." >&2
fi
exec "$home/.venv/bin/snakemake" --snakefile "$home/Snakefile" "$@"
