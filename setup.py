"""Face-Join's distribution: the folders at the root are installed as `facejoin.<folder>`."""

from setuptools import setup

ROOMS = ["udfs", "udfs.web", "udfs.vision", "udfs.recognition", "jobs", "jobs.demo", "jobs.evaluate"]
PACKAGES = [f"facejoin.{room}" for room in ["conf", *ROOMS, "viewer"]]

setup(
    name="facejoin",
    version="0.1.0",
    description="Find the people of a gallery in a photo collection of any size, and show where each was seen.",
    python_requires=">=3.11",
    packages=PACKAGES,
    package_dir={name: name.removeprefix("facejoin.").replace(".", "/") for name in PACKAGES},
    package_data={
        "facejoin.conf": ["*.yaml", "*.conf", "*.xml", "*.properties"],
        "facejoin.viewer": ["*.html", "*.css", "*.js"],
    },
    install_requires=[
        "pyspark==4.2.0",
        "delta-spark==4.4.0",  # 4.4.1 is on the Python registry, but its jar is not on Maven Central
        "pandas<3",  # pyspark 4.2 does not fully support pandas 3
        "pyarrow>=18",
        "numpy>=2",
        "torch>=2.6",
        "torchvision",
        "facenet-pytorch==2.5.3",  # 2.6.0 pins torch below 2.3
        "openvino>=2026.0",
        "numba>=0.63",
        "onnx>=1.17",
        "scikit-learn>=1.6",
        "scipy>=1.13",
        "matplotlib>=3.9",
        "skops>=0.12",
        "requests>=2.32",
        "urllib3>=2.6",
        "certifi",
        "protego>=0.4",
        "Pillow>=11",
        "simplejpeg>=1.9",
        "pydantic>=2.9",
        "PyYAML>=6",
        "typer>=0.15",
        "rich>=13",
        "reverse-geocode>=1.6",
    ],
    extras_require={
        "dev": [
            "pytest>=8",
            "hypothesis>=6",
            "playwright>=1.49",
            "onnxruntime>=1.20",
            "nbclient>=0.10",
            "nbformat>=5.10",
            "ipykernel>=6",
            "ruff>=0.9",
            "mypy>=1.14",
            "types-PyYAML",
            "types-requests",
            "pandas-stubs>=2,<3",
        ],
    },
    entry_points={"console_scripts": ["facejoin=facejoin.jobs.cli:main"]},
)
