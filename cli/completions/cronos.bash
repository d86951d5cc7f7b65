# SPDX-License-Identifier: MIT
# bash completion for cronos(1)                                 -*- shell-script -*-

# The options in front of or behind the command that say where the backups are.
_cronos_place() {
    local i
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
            -C | -c | --root | --config)
                place+=("${words[i]}" "${words[i + 1]-}")
                ((i++))
                ;;
            --root=* | --config=*)
                place+=("${words[i]}")
                ;;
        esac
    done
}

# Sets command, operands and first: the command's name, how many operands stand behind it, and the
# first of them.
_cronos_command() {
    local i
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
            -C | -c | --root | --config | --color | -t | --type | -i | --include | -e | --exclude | \
                -m | --set | --metadata | -l | --level | -j | --threads | --to | --strategy | \
                --retention-days | --max-backups | --keep-daily | --keep-weekly | --keep-monthly | \
                --largest | --sample | --repair-to | --since | --until | -o | --options)
                ((i++))
                ;;
            -*) ;;
            *)
                if [[ -z $command ]]; then
                    command=${words[i]}
                else
                    ((operands++ > 0)) || first=${words[i]}
                fi
                ;;
        esac
    done
}

_cronos_identifiers() {
    local place=() identifiers
    _cronos_place
    identifiers=$("${words[0]}" -q "${place[@]}" list 2>/dev/null | while read -r file _; do
        printf '%s\n' "${file%.zip}"
    done)
    mapfile -t COMPREPLY < <(compgen -W "latest $identifiers" -- "$cur")
}

# Prints the time stamp of the backup that the identifier "$1" names, if it ends in one.
_cronos_timestamp() {
    local name=${1%.zip} file
    if [[ $name == latest ]]; then
        while read -r file _; do
            name=${file%.zip}
            [[ $name == egos_backup_restore_point_* ]] || break
        done < <("${words[0]}" -q "${place[@]}" list 2>/dev/null)
    fi
    [[ $name =~ [0-9]{8}_[0-9]{6}$ ]] && printf '%s\n' "${BASH_REMATCH[0]}"
}

# Paths in the backup "$1", a folder at a time: also of files that are not there any more.
_cronos_members() {
    local place=() stamp start=${cur//\\/} line path
    # In a line of JSON; names that are escaped there are not offered.
    local member='"path":"([^"\]+)","kind":"([a-z]+)"'
    _cronos_place
    stamp=$(_cronos_timestamp "$1")
    while read -r line; do
        [[ $line =~ $member && ${BASH_REMATCH[1]} == "$start"* ]] || continue
        path=${BASH_REMATCH[1]}
        [[ ${BASH_REMATCH[2]} != folder ]] || path+=/
        COMPREPLY+=("$path")
    done < <([[ -n $stamp ]] && "${words[0]}" -q "${place[@]}" find --json --since "$stamp" \
        --until "$stamp" "/${start//[[*?]/?}*" 2>/dev/null)
    if ((${#COMPREPLY[@]} == 0)); then
        _cronos_paths -f
        return
    fi
    compopt -o filenames 2>/dev/null
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace 2>/dev/null
}

_cronos_types() {
    mapfile -t COMPREPLY < <(compgen -W 'manual auto restore_point' -- "$cur")
}

_cronos_paths() { # -f or -d
    mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
    compopt -o filenames 2>/dev/null
}

# Completes the value of the option before the cursor. Returns: whether there is one.
_cronos_value() {
    case $1 in
        -C | --root | --to) _cronos_paths -d ;;
        -c | --config | --metadata | --repair-to) _cronos_paths -f ;;
        --color) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur") ;;
        --strategy) mapfile -t COMPREPLY < <(compgen -W 'new_location overwrite' -- "$cur") ;;
        -t | --type) _cronos_types ;;
        -l | --level) mapfile -t COMPREPLY < <(compgen -W '0 1 2 3 4 5 6 7 8 9 10 11 12' -- "$cur") ;;
        -o | --options)
            mapfile -t COMPREPLY < <(compgen -W 'allow_other uid= gid= umask= cache_mb= versions= log_file= log_level=' -- "$cur")
            compopt -o nospace 2>/dev/null
            ;;
        --since | --until) mapfile -t COMPREPLY < <(compgen -W '1d 7d 30d' -- "$cur") ;;
        -i | --include | -e | --exclude | -m | --set | -j | --threads | --retention-days | --max-backups | \
            --keep-daily | --keep-weekly | --keep-monthly | --largest | --sample) ;;
        *) return 1 ;;
    esac
    return 0
}

_cronos_options() {
    local options='-C --root= -c --config= -q --quiet -v --verbose --color= --no-progress -h --help'
    case $1 in
        create)
            options+=' -t --type= -i --include= -e --exclude= --no-default-excludes -m --set='
            options+=' --metadata= -l --level= -j --threads= --full --if-changed'
            options+=' -n --dry-run --json'
            ;;
        list) options+=' -t --type= --all --sizes --json' ;;
        show) options+=' --largest= --json' ;;
        versions | config) options+=' --json' ;;
        find) options+=' --since= --until= --json' ;;
        diff) options+=' --source --exit-code --json' ;;
        restore)
            options+=' --to= --strategy= --delete -y --yes -n --dry-run'
            options+=' -k --keep-going --no-verify --no-restore-point --same-permissions --json'
            ;;
        clean)
            options+=' --retention-days= --max-backups= --keep-daily= --keep-weekly= --keep-monthly='
            options+=' -n --dry-run --json'
            ;;
        verify) options+=' --all --against-source --sample= --repair-to= --json' ;;
        mount) options+=' -o --options= -f --foreground' ;;
        '') options+=' -V --version' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
}

_cronos_operand() {
    case $1 in
        '' | help)
            mapfile -t COMPREPLY < <(compgen -W \
                'create list show cat versions find diff restore clean pin unpin verify mount umount serve config help' -- "$cur")
            ;;
        show) ((operands == 0)) && _cronos_identifiers ;;
        cat | restore)
            if ((operands == 0)); then
                _cronos_identifiers
            else
                _cronos_members "$first"
            fi
            ;;
        versions) _cronos_members latest ;;
        diff) ((operands < 2)) && _cronos_identifiers ;;
        pin | unpin | verify) _cronos_identifiers ;;
        mount | umount) _cronos_paths -d ;;
    esac
}

_cronos() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local words=("${COMP_WORDS[@]}") cword=$COMP_CWORD command='' operands=0 first=''
    COMPREPLY=()
    # bash splits --option=value at the sign.
    if [[ $cur == = ]]; then
        cur=''
    elif [[ $prev == = ]] && ((cword > 1)); then
        prev=${words[cword - 2]}
    fi
    _cronos_value "$prev" && return
    _cronos_command
    if [[ $cur == -* ]]; then
        _cronos_options "$command"
    else
        _cronos_operand "$command"
    fi
    return 0
}

complete -F _cronos cronos
