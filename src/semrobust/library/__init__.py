"""The face of the package for Python: what `import semrobust` gives."""
