/**
 * What a cgroup's path tells: pod, container, systemd unit. There is no standard for these names;
 * test/pipeline/kernel_events/cgroup_path.test.ts has the forms, and who makes them.
 *
 *     kubelet, systemd     …/kubepods-burstable-pod<uid with _>.slice/cri-containerd-<id>.scope
 *     kubelet, cgroupfs    …/kubepods/burstable/pod<uid>/<id>
 *     the two at odds      …/kubepods-burstable-pod<uid with _>.slice:cri-containerd:<id>
 *     others               …/docker-<id>.scope, …/docker/<id>, …/libpod-<id>.scope, …
 *
 * Trees stand in trees: a node of kind is a container, systemd or a container engine may run in a
 * pod. The innermost pod counts, and of it the container that Kubernetes knows, the outer one;
 * without a pod the innermost container, as each engine sees its own.
 */

export interface CgroupIdentity {
  readonly podUid: string
  readonly containerId: string
  /** The innermost service or scope, inside of the container if there is one. */
  readonly systemdUnit: string
}

/** Everything but containers' monitors, whose names are like their containers'. */
const CONTAINER = /^(?!.*conmon)(?:.*[-:_])?([0-9a-f]{64})(?:\.scope)?$/
/** Fargate: the task's id and a number. */
const FARGATE = /^([0-9a-f]{32}-\d{1,20})$/
/** A static pod's uid is a hash without dashes. */
const POD_CGROUPFS = /^pod([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})$/
const POD_SYSTEMD =
  /(?:^|-)pod([0-9a-f]{8}(?:_[0-9a-f]{4}){3}_[0-9a-f]{12}|[0-9a-f]{32})\.slice(?:$|:)/
const UNIT = /\.(?:service|scope)$/
/** Of Podman's unit files: the unit is the user's, and the container stands in it. */
const IN_ITS_UNIT = /^libpod-payload-/

/** @param names from the outer end inwards */
export function cgroupIdentity(names: readonly string[]): CgroupIdentity {
  let podUid = ''
  let containerId = ''
  let systemdUnit = ''
  let parent = ''
  for (const name of names) {
    const pod = podIn(name)
    if (pod !== '') {
      podUid = pod
      containerId = ''
      systemdUnit = ''
    }
    const id = containerIn(name, parent)
    if (id !== '' && !(podUid !== '' && containerId !== '')) {
      containerId = id
      if (!IN_ITS_UNIT.test(name)) systemdUnit = ''
    } else if (pod === '' && id === '' && UNIT.test(name)) {
      systemdUnit = name
    }
    parent = name
  }
  return { podUid, containerId, systemdUnit }
}

function podIn(name: string): string {
  const [, uid = ''] = POD_SYSTEMD.exec(name) ?? POD_CGROUPFS.exec(name) ?? []
  return uid.replaceAll('_', '-')
}

function containerIn(name: string, parent: string): string {
  const [, id = ''] = CONTAINER.exec(name) ?? []
  if (id !== '') return id
  const [, task = ''] = FARGATE.exec(name) ?? []
  return task.startsWith(`${parent}-`) ? task : ''
}
