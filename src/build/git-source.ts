// Which addresses are git repositories.
// Source: buildah-build(1), "CONTEXT".

export const isGitSource = (source: string): boolean =>
  /^(git:\/\/|git@[^:]+:|ssh:\/\/)/.test(source) || (/^https?:\/\//.test(source) && /\.git$/.test(source.split("#")[0]!));

export const isRemoteContext = (written: string): boolean => /^(https?:\/\/|github\.com\/)/.test(written) || isGitSource(written);
