//! The scripts, without what they complete.
//!
//! Names are asked of kubectl with the cluster that the line names so far; it may take two seconds, and says nothing.

/// Bash.
pub(super) const BASH: &str = r#"_image_watcher_names() {
  local flags=() i
  for ((i = 1; i < ${#COMP_WORDS[@]}; i++)); do
    case "${COMP_WORDS[i]}" in
      --context|--kubeconfig|--namespace|-n)
        if [[ $i -lt $((COMP_CWORD - 1)) ]]; then flags+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}"); fi ;;
    esac
  done
  case "$1" in
    namespaces) kubectl "${flags[@]}" get namespaces -o name --request-timeout=2s 2>/dev/null | sed 's#^[^/]*/##' ;;
    workloads)
      kubectl "${flags[@]}" get deployments,statefulsets,daemonsets,cronjobs -o name --request-timeout=2s 2>/dev/null |
        sed -e 's#\.[^/]*/#/#' -e 's#^deployment/#deploy/#' -e 's#^statefulset/#sts/#' -e 's#^daemonset/#ds/#' -e 's#^cronjob/#cj/#' ;;
    contexts) kubectl config get-contexts -o name 2>/dev/null ;;
  esac
}

_image_watcher() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD - 1]}" path='' words='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path:${COMP_WORDS[i]}" in
@COMMANDS@    esac
  done
  case "$path:$prev" in
@VALUES@  esac
  case "$path" in
@WORDS@  esac
  COMPREPLY+=($(compgen -W "$words" -- "$cur"))
}

complete -F _image_watcher image-watcher
"#;

/// What Zsh needs before the script of Bash.
pub(super) const ZSH: &str =
    "#compdef image-watcher\nautoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n\n";

/// Fish.
pub(super) const FISH: &str = r#"function __image_watcher_at
  set -l words (commandline -opc)
  set -l path ''
  for word in $words[2..-1]
    set -l next (string trim "$path $word")
    if contains -- $next @PATHS@
      set path $next
    end
  end
  test "$path" = "$argv[1]"
end

function __image_watcher_names
  set -l flags
  set -l words (commandline -opc)
  for i in (seq 2 (math (count $words) - 1))
    if contains -- $words[$i] --context --kubeconfig --namespace -n
      set -a flags $words[$i] $words[(math $i + 1)]
    end
  end
  switch $argv[1]
    case namespaces
      kubectl $flags get namespaces -o name --request-timeout=2s 2>/dev/null | string replace -r '^[^/]*/' ''
    case workloads
      kubectl $flags get deployments,statefulsets,daemonsets,cronjobs -o name --request-timeout=2s 2>/dev/null | string replace -r '\.[^/]*/' / | string replace -r '^deployment/' deploy/ | string replace -r '^statefulset/' sts/ | string replace -r '^daemonset/' ds/ | string replace -r '^cronjob/' cj/
    case contexts
      kubectl config get-contexts -o name 2>/dev/null
  end
end

complete -c image-watcher -f
@LINES@"#;

/// PowerShell.
pub(super) const POWERSHELL: &str = r#"Register-ArgumentCompleter -Native -CommandName 'image-watcher' -ScriptBlock {
  param($word, $ast, $position)
  $places = @{
@PLACES@  }
  $values = @{
@VALUES@  }
  $typed = @($ast.CommandElements | Where-Object { $_.Extent.EndOffset -lt $position } | ForEach-Object { $_.ToString() })
  $path = ''
  $words = 0
  for ($i = 1; $i -lt $typed.Count; $i++) {
    $next = ($path + ' ' + $typed[$i]).Trim()
    if ($places.ContainsKey($next)) { $path = $next }
  }
  $before = if ($typed.Count -gt 1) { $typed[-1] } else { '' }
  $before = $before -creplace '^-([A-Z])$', '-^$1'
  $found = $values[$path + ':' + $before]
  $all = @()
  if ($null -eq $found) {
    $all = @($places[$path] | Where-Object { $_ })
    $found = $values[$path + ':']
  }
  if ($found -like '[?]*') {
    $names = switch ($found) {
      '?namespaces' { kubectl get namespaces -o name --request-timeout=2s 2>$null }
      '?workloads' { kubectl get 'deployments,statefulsets,daemonsets,cronjobs' -o name --request-timeout=2s 2>$null }
      '?contexts' { kubectl config get-contexts -o name 2>$null }
    }
    $all += @($names | Where-Object { $_ } | ForEach-Object { ($_ -replace '\.[^/]*/', '/') -replace '^namespace/', '' })
  } elseif ($found) {
    $all += $found -split ' '
  }
  $all | ForEach-Object {
    $name, $about = $_ -split '\|', 2
    if ($name -like "$word*") {
      [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $(if ($about) { $about } else { $name }))
    }
  }
}
"#;
