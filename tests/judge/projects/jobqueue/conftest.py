# Its folder is the root: pytest puts it on the path, so that `import jobqueue` works without installing.
