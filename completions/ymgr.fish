# fish completion of ymgr.
function __ymgr_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    set -l current (commandline -ct)
    set -l lines ($program __complete fish -- $words "$current" 2>/dev/null)
    switch "$lines[1]"
        case ':file'
            __fish_complete_path "$current"
        case ':folder'
            __fish_complete_directories "$current"
        case '*'
            printf '%s\n' $lines
    end
end
complete -c ymgr -f -a '(__ymgr_complete)'
