# bash completion of ymgr. The words are cut from the line itself: bash would break them at '=' and ':'.
_ymgr() {
  local line=${COMP_LINE:0:COMP_POINT} current answer strip
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  words=("${words[@]//[\'\"]/}") # readline puts a quote that was begun back
  current=${words[${#words[@]} - 1]}
  strip=${current%"${current##*[=:]}"}
  COMPREPLY=()
  while IFS= read -r answer; do
    case $answer in
      :file)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "${current#"$strip"}")
        ;;
      :folder)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "${current#"$strip"}")
        ;;
      *) COMPREPLY+=("${answer#"$strip"}") ;;
    esac
  done < <("${words[0]}" __complete bash -- "${words[@]:1}" 2>/dev/null)
}
complete -F _ymgr ymgr
