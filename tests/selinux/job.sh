#!/bin/bash
# What must hold on a kernel that enforces SELinux; one line "ok WHAT" or "not ok WHAT" each. Runs in the guest.
export PATH=/usr/local/bin:/usr/sbin:/usr/bin
failed=0
held() { # held WHAT COMMAND…
  local what=$1; shift
  if said=$("$@" 2>&1); then echo "ok $what"; else echo "not ok $what"; echo "$said" | tail -12 | sed 's/^/    /'; failed=$((failed + 1)); fi
}
says() { local pattern=$1; shift; local said; said=$("$@" 2>&1); echo "$said"; grep -qE -- "$pattern" <<<"$said"; }
fails() { local said; if said=$("$@" 2>&1); then echo "$said"; return 1; fi; }
runs() { podman run --rm --network none "$@"; }

ln -sfn /proc/self/fd /dev/fd
for name in stdin:0 stdout:1 stderr:2; do ln -sfn "fd/${name#*:}" "/dev/${name%:*}"; done
install -m 755 coracle /usr/local/bin/coracle
for name in podman buildah udica; do ln -sf coracle /usr/local/bin/$name; done
restorecon -F /usr/local/bin/coracle
held "without its own module the program says what SELinux denies" says "udica --engine-policy" podman ps
held "udica --engine-policy loads what the engine needs" udica --engine-policy
podman import -q -c 'CMD ["sh"]' image.tar ubi8 >/dev/null

held "podman info says that SELinux is on" says "^true v2$" podman info --format '{{.Host.Security.SELinuxEnabled}} {{.Host.CgroupsVersion}}'
held "a container's process is confined, and its output arrives" says "^system_u:system_r:container_t:s0:c[0-9]+,c[0-9]+" runs ubi8 cat /proc/self/attr/current
held "the same at a range of levels" says "^system_u:system_r:container_t:s0:c" runcon -l s0-s0:c0.c1023 bash -c 'podman run --rm --network none ubi8 cat /proc/self/attr/current'
held "level: and type: are taken" says "container_t:s0:c7,c8" runs --security-opt label=level:s0:c7,c8 ubi8 cat /proc/self/attr/current
held "label=disable and --privileged leave it unconfined" says "unconfined" runs --security-opt label=disable ubi8 cat /proc/self/attr/current
held "an unknown label option is refused" says "invalid label option" podman create --security-opt label=colour:red ubi8
held "root, /dev/shm, tmpfs, mqueue and files under /etc can be used" runs --tmpfs /t ubi8 sh -c \
  'echo 1 >/tmp/new && echo 1 >/dev/shm/x && echo 1 >/t/x && cat /etc/hosts /etc/resolv.conf /etc/hostname >/dev/null && ls /dev/mqueue && echo 1 >>/etc/hosts'
held "a named volume can be used by two containers" sh -c 'podman run --rm --network none -v v:/v ubi8 sh -c "echo one >/v/f" && podman run --rm --network none -v v:/v:z ubi8 cat /v/f'

podman run -d --name a --network none ubi8 sleep 1000 >/dev/null
podman run -d --name b --network none ubi8 sleep 1000 >/dev/null
differ() { [ "$(podman inspect a --format '{{.ProcessLabel}}')" != "$(podman inspect b --format '{{.ProcessLabel}}')" ]; }
held "two live containers have different categories" differ
held "on pure cgroup v2 stats, pause and update work" sh -c 'podman stats --no-stream a && podman pause a && podman unpause a && podman update -m 64m a && podman exec a cat /sys/fs/cgroup/memory.max | grep 67108864'
held "exec has the container's label" says "container_t:s0:c" podman exec a cat /proc/self/attr/current
podman rm -f -t 0 a b >/dev/null

mkdir -p /srv/shared/deep /srv/private
echo 1 >/srv/shared/deep/f
echo 2 >/srv/private/f
held "a directory of the host is denied" fails runs -v /srv/shared:/m ubi8 cat /m/deep/f
held ":z relabels it for all" runs -v /srv/shared:/m:z ubi8 cat /m/deep/f
held ":z leaves it without categories" says "container_file_t:s0 " ls -Z /srv/shared/deep/f
held "and then every container reads it" runs -v /srv/shared:/m ubi8 cat /m/deep/f
podman run -d --name owner --network none -v /srv/private:/m:Z ubi8 sleep 1000 >/dev/null
held ":Z relabels it for one" podman exec owner cat /m/f
held "and another container cannot read it" fails runs -v /srv/private:/m ubi8 cat /m/f
podman rm -f -t 0 owner >/dev/null
held "directories of the system are not relabelled" says "SELinux relabeling of /usr is not allowed" podman run --rm --network none -v /usr:/m:Z ubi8 true

mkdir -p /home/someone
held "/home is denied before" fails podman run --name home-test --network none -v /home/:/home:ro ubi8 ls -al /home
podman inspect home-test >home-test.json
held "udica makes a policy" says 'label=type:home_test.process' udica -j home-test.json home_test
command=$(udica -j home-test.json home_test | sed -n 's/^# //p')
held "--check compiles it with the host's policy" udica --check -j home-test.json home_test
held "--check compiles all nine templates" udica --check -j all.json --full-network-access --virt-access --X-access --tty-access everything
held "the command it prints loads it" bash -c "$command"
podman run --name home-test-2 --network none --security-opt label=type:home_test.process -v /home/:/home:ro -id ubi8 sh >/dev/null
held "/home is allowed after" says "someone" podman exec -t home-test-2 ls /home
held "its process runs in the new domain" says "home_test.process" sh -c 'ps -efZ | grep home_tes[t]'
held "the loaded policy says so" says "allow home_test.process home_root_t:dir .* read" sesearch -A -s home_test.process -t home_root_t -c dir -p read
held "writing stays denied" fails podman exec home-test-2 sh -c 'echo 1 >/home/someone/f'
podman rm -fa -t 0 >/dev/null

podman create --name port-test -p 21:21 ubi8 sleep 1000 >/dev/null
held "udica -i -l loads a policy for a port in one transaction" udica -i port-test -l port_test
held "port 21 binds" runs --security-opt label=type:port_test.process --cap-add net_bind_service ubi8 timeout 2 sh -c 'nc -l -p 21 & sleep 1; kill $! && echo bound'
held "port 8080 does not" says "[Pp]ermission denied" runs --security-opt label=type:port_test.process ubi8 nc -l -p 8080
held "--remove undoes it" udica --remove port_test
held "and the domain is gone" fails sesearch -A -s port_test.process -c process
podman create --name watched --network none -v /home:/h:ro ubi8 sh -c 'ls /h && chown 1:1 /tmp' >/dev/null
watch=$(udica --watch watched learned 2>&1)
held "--watch finds what a container needs, its capabilities among them" says "capabilities chown; [0-9]+ permissions of SELinux" echo "$watch"
held "and the kernel's tracing told of them" fails sh -c 'grep -E "denied .*(perf_event|tracefs)" /var/log/audit/audit.log'
options=$(sed -n 's/^Confine it with: //p' <<<"$watch")
held "it gives a type, a seccomp profile and the capabilities" says "label=type:learned.process .*seccomp=.*learned.seccomp.json --cap-drop all --cap-add chown$" echo "$options"
held "and that is enough" runs $options -v /home:/h:ro ubi8 sh -c 'ls /h && chown 1:1 /tmp'
held "but not for more files" fails runs --security-opt label=type:learned.process -v /home:/h ubi8 sh -c 'echo 1 >/h/new'
held "nor for other calls" fails runs $options ubi8 mkdir /tmp/new
held "run learns too" says "Learned one from 1 run: .*; [0-9]+ permissions of SELinux" runs --security-opt label=learn:one -v /home:/h:ro ubi8 ls /h
held "what it learned is enough" runs --security-opt label=type:one.process --security-opt seccomp=one.seccomp.json --cap-drop all -v /home:/h:ro ubi8 ls /h
held "no domain is left permissive" fails sh -c 'seinfo --permissive | grep -E "learned|one\.process"'
held "the kernel keeps no probe of ours" sh -c 'mount -t tracefs t /mnt && ! grep -s coracle /mnt/kprobe_events'

mkdir -p context/deep context/own
cat >context/Containerfile <<'END'
FROM ubi8 AS base
RUN echo 1 >/from-base
FROM ubi8
COPY f /f
RUN cat /proc/self/attr/current /f && echo 2 >/made
RUN --mount=type=cache,target=/c --mount=type=bind,source=deep,target=/b,relabel=shared echo 3 >/c/x && cat /b/g
RUN --mount=type=bind,source=own,target=/b cat /b/g
RUN --mount=type=bind,from=base,target=/b cat /b/from-base
RUN --mount=type=bind,from=ubi8,target=/b cat /b/bin/sh >/dev/null
RUN --mount=type=secret,id=s cat /run/secrets/s
RUN --mount=type=tmpfs,target=/t echo 5 >/t/x && cat /t/x
RUN <<END2
#!/bin/sh
echo script runs
END2
VOLUME /kept
RUN echo 6 >/kept/x
END
echo hello >context/f
echo deep >context/deep/g
echo own >context/own/g
echo hush >context/secret
held "steps of a build are confined" says "system_u:system_r:container_t:s0:c[0-9]+,c[0-9]+" podman build --network none --secret id=s,src=context/secret -t built context
held "and use files, caches, the context, stages, images, secrets and scripts" says "script runs" podman build --no-cache --network none --secret id=s,src=context/secret -t built context
held "a bound context keeps its own label" fails sh -c 'ls -Z context/own/g | grep container'
held "containers of what was built use it" says "^2$" runs built cat /made
held "steps with label=disable are not confined" says "unconfined" podman build --no-cache --network none --security-opt label=disable --secret id=s,src=context/secret context
held "buildah run is confined too, on the root that mount shows" sh -c 'c=$(buildah from built) && buildah run $c cat /proc/self/attr/current /made | grep -q container_t && m=$(buildah mount $c) && cat $m/made && echo 7 >$m/new && buildah run $c cat /new && buildah copy $c context/f /g && buildah run $c cat /g && buildah commit $c again && buildah rm $c && podman run --rm --network none again cat /g /new'
held "volumes of images are used by working containers" sh -c 'c=$(buildah from built) && buildah run $c sh -c "echo 8 >/kept/y && cat /kept/y" && buildah rm $c'
held "an image is mounted into a container, read-only and not" sh -c 'podman run --rm --network none --mount type=image,source=built,destination=/i ubi8 cat /i/made && podman run --rm --network none --mount type=image,source=built,destination=/i,rw=true ubi8 sh -c "echo 9 >/i/new && cat /i/new"'
held "an overlay volume of the host's files is used" sh -c 'podman run --rm --network none -v $PWD/context/own:/o:O ubi8 sh -c "cat /o/g && echo 1 >/o/new"'
podman run --name source --network none built sh -c 'echo 4 >/more' >/dev/null
held "a commit takes no label along" sh -c 'podman commit source committed && podman save committed -o c.tar && ! grep -aq SCHILY.xattr.security.selinux c.tar'
held "and its containers read it" says "^4$" runs committed cat /more

# Checkpoints: this criu was built without SELinux.
counter='i=0; while true; do echo $i; i=$(expr $i + 1); sleep 0.2; done'
podman run -d --name c --network none ubi8 sh -c "$counter" >/dev/null
waits() { local tries; for tries in $(seq 100); do [ "$(podman logs "$1" | wc -l)" -gt "$2" ] && return 0; sleep 0.2; done; return 1; }
waits c 3
held "a confined container is checkpointed while the kernel enforces" podman container checkpoint c
held "a restore without its label is refused, in words" says "cannot restore safely: container .* has the SELinux label .*container_t.* built without SELinux" podman container restore c
held "nothing of it runs then, and its checkpoint is kept" sh -c '[ "$(podman inspect c --format "{{.State.Status}} {{.State.Checkpointed}}")" = "exited true" ]'
held "--allow-label-loss lets it go on, with a warning" says "it is not confined by its policy" podman container restore --allow-label-loss c
lines=$(podman logs c | wc -l)
held "and it counts on" waits c "$lines"
held "it counts from where it was" sh -c '[ "$(podman logs c | grep -cx 0)" = 1 ]'
held "fork is refused before anything is dumped" says "cannot restore safely" podman container fork c
held "and leaves no copy" fails podman container exists c-fork1
held "--pre-checkpoint writes memory alone, and the container runs on" sh -c 'podman container checkpoint --pre-checkpoint c && [ "$(podman inspect c --format "{{.State.Running}}")" = true ]'
held "--with-previous writes what has changed" podman container checkpoint --with-previous --keep c
folder=$(podman inspect c --format '{{.StaticDir}}')
held "on top of what the first dump has" test "$(readlink -f "$folder/checkpoint/parent")" -ef "$folder/pre-checkpoint"
held "and both are restored" podman container restore --allow-label-loss c
podman container checkpoint --pre-checkpoint --export pre.tar c >/dev/null
held "an archive --with-previous goes with that of the one before" podman container checkpoint --with-previous --export full.tar c
podman rm -f -t 0 c >/dev/null
held "a restore from both is refused for its label and leaves nothing" sh -c '! podman container restore --import full.tar --import-previous pre.tar && ! podman container exists c'
held "or done" podman container restore --import full.tar --import-previous pre.tar --allow-label-loss
lines=$(podman logs c | wc -l)
held "and it counts on, too" waits c "$lines"
podman run -d --name free --network none --security-opt label=disable ubi8 sh -c "$counter" >/dev/null
waits free 3
held "one without a label is restored as it was" sh -c 'podman container checkpoint free && podman container restore free && podman container fork free && podman exec free-fork1 true'
podman rm -fa -t 0 >/dev/null
. ./user-cgroups.sh
echo "failed: $failed"
exit "$failed"
