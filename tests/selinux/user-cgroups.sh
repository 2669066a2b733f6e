# An ordinary user on pure cgroup v2: limits in a tree of cgroups that was given to him, and words where none was. Read by job.sh.
echo 'ann:x:2000:2000::/home/ann:/bin/bash' >>/etc/passwd
echo 'ann:x:2000:' >>/etc/group
mkdir -p /home/ann /run/user/2000
chown 2000:2000 /home/ann /run/user/2000
chmod 700 /home/ann /run/user/2000
chmod 755 /run/user
restorecon -RF /home/ann /run/user >/dev/null 2>&1
cp image.tar /home/ann/image.tar
chmod 644 /home/ann/image.tar
given=/sys/fs/cgroup/ann
mkdir -p $given/shell
echo "+cpu +memory +pids" >$given/cgroup.subtree_control
chown 2000:2000 $given $given/cgroup.{procs,threads,subtree_control} $given/shell $given/shell/cgroup.{procs,threads}
as_ann=(setpriv --reuid=2000 --regid=2000 --clear-groups env -i -C /home/ann HOME=/home/ann USER=ann XDG_RUNTIME_DIR=/run/user/2000 PATH=/usr/local/bin:/usr/sbin:/usr/bin)
# within COMMAND…: as ann, from the cgroup that was given to her
within() { ( echo $BASHPID >$given/shell/cgroup.procs; exec "${as_ann[@]}" "$@" ); }
group() { within sh -c 'podman inspect -f "{{.State.Pid}}" u | xargs -I@ cat /proc/@/cgroup'; }
limit() { cat "/sys/fs/cgroup$(group | cut -d: -f3)/$1"; }

"${as_ann[@]}" podman import -q image.tar ubi8 >/dev/null 2>&1
held "a user's limit is refused in one sentence where no cgroup was given to him" says "cannot limit a container's resources \(memoryBytes, memorySwapBytes\): no cgroup was given to you" \
  "${as_ann[@]}" podman run --rm --network none --memory 64m ubi8 true
held "without limits his container runs all the same, confined" says "container_t:s0:c" "${as_ann[@]}" podman run --rm --network none ubi8 cat /proc/self/attr/current
held "in a tree of his own his container has the limits he asked for" within podman run -d --name u --network none --security-opt label=disable --memory 64m --cpus 0.5 --pids-limit 40 ubi8 sleep 1000
held "beside him in that tree" says "^0::/ann/libpod-" group
held "of memory" says "^67108864$" limit memory.max
held "of processors" says "^50000 100000$" limit cpu.max
held "and of processes" says "^40$" limit pids.max
held "stats tells of them" says "kB / 67\.11MB" within podman stats --no-stream u
held "it is paused and goes on" within sh -c 'podman pause u && [ "$(podman inspect -f "{{.State.Status}}" u)" = paused ] && podman unpause u && podman exec u true'
held "update changes a limit while it runs" within podman update --memory 96m u
held "of which the kernel knows" says "^100663296$" limit memory.max
within podman rm -f -t 0 u >/dev/null
held "rm leaves no cgroup" fails sh -c "ls -d $given/libpod-*"
