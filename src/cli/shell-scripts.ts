// Scripts that let bash, zsh and fish ask the program itself how to complete a line.
// Source: cobra's completion protocol, see completion.ts.

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** @param program the name it is called by, letters and dashes only */
export function shellScript(shell: Shell, program: string): string {
  const name = program.replace(/[^A-Za-z0-9_]/g, "_");
  return { bash, zsh, fish }[shell].replaceAll("NAME", name).replaceAll("PROGRAM", program);
}

const bash = `# bash completion for PROGRAM
__NAME_complete() {
  local cur words cword line directive
  COMPREPLY=()
  if declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n =: cur words cword
  else
    cur=\${COMP_WORDS[COMP_CWORD]} words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD
  fi
  local -a found=()
  while IFS= read -r line; do found+=("$line"); done < <("\${words[0]}" __completeNoDesc "\${words[@]:1:cword-1}" "$cur" 2>/dev/null)
  ((\${#found[@]} > 0)) || return
  directive=\${found[-1]#:}
  unset 'found[-1]'
  ((directive & 2)) && compopt -o nospace
  if ((directive == 0 && \${#found[@]} == 0)); then compopt -o default; return; fi
  local shown=$cur
  [[ $cur == -*=* ]] && shown=\${cur#*=}
  for line in "\${found[@]}"; do [[ $line == "$shown"* ]] && COMPREPLY+=("$line"); done
  declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$shown"
}
complete -F __NAME_complete PROGRAM
`;

const zsh = `#compdef PROGRAM
_NAME() {
  local -a found shown
  local line directive
  found=("\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT-1]}" "\${words[CURRENT]}" 2>/dev/null)}")
  directive=\${found[-1]#:}
  found=("\${(@)found[1,-2]}")
  for line in $found; do shown+=("\${\${line%%$'\\t'*}//:/\\\\:}\${\${(M)line:#*$'\\t'*}:+:\${line#*$'\\t'}}"); done
  [[ $directive == 0 && $#shown == 0 ]] && { _files; return }
  if (( directive & 2 )); then _describe -V completions shown -S ''; else _describe -V completions shown; fi
}
compdef _NAME PROGRAM
`;

const fish = `# fish completion for PROGRAM
function __NAME_complete
  set -l words (commandline -opc)
  set -l found ($words[1] __complete $words[2..-1] (commandline -ct) 2>/dev/null)
  test (count $found) -gt 0; or return
  set -l directive (string replace ':' '' -- $found[-1])
  set -e found[-1]
  if test "$directive" = 0 -a (count $found) -eq 0
    __fish_complete_path (commandline -ct)
  else
    string join \\n -- $found
  end
end
complete -c PROGRAM -f -a '(__NAME_complete)'
`;
