/* SPDX-License-Identifier: Apache-2.0
 *
 * The protocol of kubectl kt-exchange: who writes what in which order, so that no request fails and the cluster becomes what
 * it was whoever dies, sleeps or meddles. README.md is the same as a table; `run` checks this file and all of its mutants.
 *
 * How to read it. One atomic step is one request to the API server, or one thing that a controller does. What a patch tests
 * and what it writes stand in one step because the API server takes them as one. A read and the patch that tests the
 * resourceVersion of that read are one step too: had anything come between, the patch would have failed and changed nothing.
 * There is no clock. A time-out may fire as soon as its reason exists; where the protocol relies on an order of two times,
 * the step waits for the earlier one and says so. Everything that goes wrong costs one of FAULTS, at any moment.
 *
 * Checked: no assertion fails (Watch says what each is for), no run is endless (`run` searches cycles: there is none, so every
 * run ends), and where a run ends everything is as before, but for what an outsider changed. Together: it always comes back.
 * Left out: several masters of one object at once other than those here (a webhook, an operator), a node that is frozen whole
 * for longer than the pod's eviction takes, clocks, the mesh, the rights themselves, what goes on inside a link.
 *
 * Variants: -DUSERS=2 two users race, the second may take over · -DSERVICES=2 · -DUNREADY_LISTED Services that publish pods
 * which are not ready · -DG0 no guard, the laptop patches · -DSELECTOR the mode that leaves the replicas alone ·
 * -DALONE nobody ever types another command · -DRECREATED with two users, the target made anew too (20 million states: not in
 * `run`). Each MUTANT_X leaves rule X out.
 */
#ifndef FAULTS
#define FAULTS 1
#endif
#ifndef USERS
#define USERS 1
#endif
#ifndef SERVICES
#define SERVICES 1
#endif
#define LAST (SERVICES - 1)
#ifdef G0
#define GUARDED false
#else
#define GUARDED true
#endif

/* ---- What the API server keeps. 0: it does not exist; else the session, here the user's number, that it belongs to ---- */

byte lease;             /* the lock: only its creation makes an owner */
byte phase;             /* PREP, COMMIT, RESTORE, STANDBY */
bit stay;               /* RESTORE only: the laptop is merely silent, so the claim stays: STANDBY follows */
byte copy;              /* ConfigMap with the plan, and the second lock: it exists until everything is back */
bit shadow[3];          /* the Deployment */
byte rep = 1;           /* the target's replicas; 1 stands for N, 2 for what an outsider chose */
byte ours;              /* managedFields of the target: the session that wrote the replicas, 0 for anybody else */
bit uid;                /* of the target: 1 once somebody has made it anew */
byte key[SERVICES];     /* the one key that the exchange adds to a Service's selector */
bit other[SERVICES];    /* the selector's other keys: as planned, or changed by an outsider */

#define PREP 1
#define COMMIT 2
#define RESTORE 3
#define STANDBY 4

byte plan_rep[3];       /* the plan of a session, in its Lease and in the copy */
bit plan_uid[3], plan_other[3];

/* ---- What the cluster makes of it, each later than the other ---- */

byte orig = 2;          /* the original pods. They die at once on SIGTERM, and everybody learns of it later */
#define DOWN 0
#define STARTING 1
#define READY 2
bit up[3];              /* the shadow's pod runs; its front holds, serves or forwards */
bit admit[3];           /* the guard lets the front report ready */
bit slice_o[SERVICES] = 1;  /* the originals are in the EndpointSlices */
byte slice_k[SERVICES];     /* and the shadow of that session */
#if USERS == 1
bit ready[3];           /* what kubelet has told of admit */
byte seen[SERVICES];    /* the endpoint controller's own view of key: it hears of pods and of Services each in its own time */
bit proxy_o[SERVICES] = 1; byte proxy_k[SERVICES]; /* what kube-proxy made of the slices */
#else /* one user is enough to meet these delays */
#define ready admit
#define seen key
#define proxy_o slice_o
#define proxy_k slice_k
#endif

/* ---- Laptops and requests under way ---- */

bit awake[3] = 1, dead[3], over[3]; /* Sign of life; a suspended laptop wakes, or dies and never does */
bit proven[3];                      /* the whole way to the local port was proven */
bit made[3];                        /* its shadow was created: that is done once */
byte socket[3];                     /* a request that sleeps in a suspended laptop's socket */
bit same_lease[3], same_service[3], same_target[3]; /* the resourceVersion that it tests is still the object's */
byte late[3];                       /* a request that the guard sent and did not live to see answered */
bit killed[3];

#define NONE 0
#define CLAIM 1
#define COPY 2
#define SHADOW 3
#define COMMITS 4
#define ENDS 5
#define TAKES 6
#define TO_SHADOW_0 7
#define TO_SHADOW_1 8
#define TO_ZERO 9

/* ---- For the assertions only ---- */

byte faults;
byte want_rep = 1; bit want_other[SERVICES]; /* what must be there at the end */
bit excused;            /* an outsider took the shadow, the target or the Service away: requests may fail */
bit hand, taken;        /* the Lease was deleted by hand; taken over */
bit ended;              /* the guard gave up, the claim ended, there was nothing to claim yet, or somebody typed restore */

#define fault (faults < FAULTS)
#define keyed(k) (key[0] == k || key[LAST] == k)
#define effect(k) (keyed(k) || (rep == 0 && ours == k))
#define slices_have(k) (slice_k[0] == k && slice_k[LAST] == k)
#define slices_lack(k) (slice_k[0] != k && slice_k[LAST] != k)
#define slices_alone(k) (slices_have(k) && !slice_o[0] && !slice_o[LAST])
#define slices_original ((slice_o[0] || key[0]) && (slice_o[LAST] || key[LAST])) /* key: by now of another session */
#define proxies_know (proxy_o[0] == slice_o[0] && proxy_k[0] == slice_k[0] && proxy_o[LAST] == slice_o[LAST] && proxy_k[LAST] == slice_k[LAST])
#define all_keyed(k) (key[0] == k && key[LAST] == k)

/* Nobody acts for the guard of h while a pod of it may still act itself */
#ifdef MUTANT_RESTORE_RACES_GUARD
#define guardless(h) true
#elif defined(MUTANT_RESTORE_BEFORE_PODS_GONE)
#define guardless(h) (!shadow[h])
#elif defined(G0)
#define guardless(h) true
#else
#define guardless(h) (!shadow[h] && !up[h])
#endif

/* ---- The patches: what each tests, what it writes ---- */

inline lease_written() { same_lease[1] = 0; same_lease[2] = 0 }
inline service_written() { same_service[1] = 0; same_service[2] = 0 }
inline target_written() { same_target[1] = 0; same_target[2] = 0 }

#ifdef MUTANT_SELECTOR_NOT_TESTED
#define selector_as_planned(k, s) (key[s] == 0)
#else
#define selector_as_planned(k, s) (key[s] == 0 && other[s] == plan_other[k])
#endif
/* A Service to the shadow: test the whole selector that the plan saw, add our key */
inline to_shadow(ts_k, ts_s) {
  if
  :: selector_as_planned(ts_k, ts_s) -> assert(other[ts_s] == plan_other[ts_k]); key[ts_s] = ts_k; service_written()
  :: else
  fi
}

#ifdef MUTANT_UID_NOT_TESTED
#define target_as_planned(k) (rep == plan_rep[k])
#elif defined(MUTANT_REPLICAS_NOT_TESTED)
#define target_as_planned(k) (uid == plan_uid[k])
#else
#define target_as_planned(k) (uid == plan_uid[k] && rep == plan_rep[k])
#endif
/* The target to 0: test uid and replicas */
inline to_zero(tz_k) {
  if
  :: target_as_planned(tz_k) -> assert(uid == plan_uid[tz_k]); rep = 0; ours = tz_k; target_written()
  :: else
  fi
}

#ifdef MUTANT_OWNER_OF_ZERO_NOT_TESTED
#define zero_is_ours(k) (rep == 0)
#elif defined(MUTANT_OWNER_WITHOUT_SESSION)
#define zero_is_ours(k) (rep == 0 && ours != 0)
#else
#define zero_is_ours(k) (rep == 0 && ours == k)
#endif
/* The replicas back: test uid, the 0, and (managedFields, under the resourceVersion) that this session wrote it.
 * planned: the Lease or the copy was still there to say the number */
inline to_replicas(tr_k) {
  if
  :: planned && uid == plan_uid[tr_k] && zero_is_ours(tr_k) -> assert(ours == tr_k); rep = plan_rep[tr_k]; ours = 0; target_written()
  :: else
  fi
}

#ifdef MUTANT_WHOLE_SELECTOR_TESTED_BACK
#define key_is_ours(k, s) (key[s] == k && other[s] == plan_other[k])
#else
#define key_is_ours(k, s) (key[s] == k)
#endif
/* A Service back: test our key, remove it, and nothing else */
inline to_originals(to_k, to_s) {
  if
  :: key_is_ours(to_k, to_s) -> key[to_s] = 0; service_written()
#ifdef MUTANT_WHOLE_SELECTOR_WRITTEN_BACK
     ; other[to_s] = plan_other[to_k]
#endif
  :: else
  fi
}

#ifdef MUTANT_LEASE_WRITTEN_WITHOUT_TEST
#define lease_unchanged(k, tested) (lease != 0)
#else
#define lease_unchanged(k, tested) (lease == k && same_lease[k] && (tested))
#endif
#ifdef MUTANT_CLAIM_WITHOUT_TEST
#define lease_absent true
#else
#define lease_absent (lease == 0)
#endif
#ifdef MUTANT_COPY_OVERWRITTEN
#define copy_absent true
#else
#define copy_absent (copy == 0)
#endif

/* A request reaches the API server */
inline land(by, what) {
  if
  :: what == CLAIM -> if :: lease_absent -> lease = by; phase = PREP; stay = 0; lease_written() :: else fi
  :: what == COPY -> if :: copy_absent -> copy = by :: else fi
  :: what == SHADOW -> if :: !made[by] -> made[by] = 1; shadow[by] = 1 :: else fi
  :: what == COMMITS ->
     if :: lease_unchanged(by, phase == PREP || phase == STANDBY) -> phase = COMMIT; lease_written() :: else fi
  :: what == ENDS -> if :: lease_unchanged(by, phase != RESTORE) -> phase = RESTORE; stay = 0; lease_written() :: else fi
  :: what == TAKES ->
     if :: lease == 3 - by && same_lease[by] -> phase = RESTORE; stay = 0; taken = 1; lease_written() :: else fi
  :: what == TO_SHADOW_0 -> to_shadow(by, 0)
  :: what == TO_SHADOW_1 -> to_shadow(by, LAST)
  :: what == TO_ZERO -> to_zero(by)
  fi
}

#define same_version(k, what) \
  (((what != TO_SHADOW_0 && what != TO_SHADOW_1) || same_service[k]) && (what != TO_ZERO || same_target[k]))
/* A request of laptop k. Either it is answered, or the laptop falls asleep with the request in its socket: it lands at any
 * later time, or never, and the laptop wakes and looks what became of it, or never does */
inline call(me, request) {
  atomic {
    same_lease[me] = 1;
    if
    :: if :: same_version(me, request) -> land(me, request) :: else fi
    :: fault && me == 1 -> faults++; socket[me] = request; awake[me] = 0
    fi;
    socket[me] == NONE;
    same_lease[me] = 0; same_service[me] = 0; same_target[me] = 0
  }
}

/* ---- The two lists, the same for whoever walks them ---- */

#ifdef MUTANT_SILENCE_IGNORED
#define silent(k) false
#else
#define silent(k) (!awake[k])
#endif
#ifdef G0
/* Without a guard: read the object, then the Lease, then patch under that resourceVersion. Whoever puts back writes the Lease
 * first and the object then, so either the Lease shows it or the patch fails */
#define read_versions(k) \
  same_service[k] = 1; same_target[k] = 1; \
  if :: lease == k && phase == COMMIT :: else -> goto back fi;
#define patch(k, what) call(k, what)
#define wanted_back(k) true /* Ctrl-C */
#else
/* The guard acts on the Lease alone: gone, asked for, silent; or the shadow is being deleted (SIGTERM) */
#define read_versions(k)
#define wanted_back(k) (lease != k || phase == RESTORE || !shadow[k] || (phase != STANDBY && silent(k)))
inline patch(pa_k, pa_what) {
  atomic {
    if
    :: land(pa_k, pa_what)
    :: fault && pa_k == 1 -> faults++; late[pa_k] = pa_what; killed[pa_k] = 1; false /* dies with the request under way */
    fi
  }
}
#endif

#define wait(condition, k) if :: condition :: wanted_back(k) -> goto back fi

/* No moment without a backend that accepts: the shadow beside the originals, then alone, then no originals */
#define forth(k) \
  admit[k] = 1; \
  wait(SHADOW_LISTED(k), k); \
  read_versions(k) atomic { patch(k, TO_SHADOW_0); if :: key[0] == k :: else -> goto give_up fi }; \
  SECOND_SERVICE(k) \
  if \
  :: SHADOW_ALONE(k) && PROXIES_TOLD /* the 2 s of kube-proxy, counted from the last slice */ \
  :: wanted_back(k) -> goto back \
  :: !all_keyed(k) -> goto give_up \
  fi; \
  SCALE(k)

#ifdef MUTANT_SERVICES_BEFORE_SHADOW_LISTED
#define SHADOW_LISTED(k) true
#else
#define SHADOW_LISTED(k) (ready[k] && slices_have(k)) /* this pod's own address, not that of the pod before it */
#endif
#ifdef MUTANT_SCALE_BEFORE_SLICES
#define SHADOW_ALONE(k) true
#else
#define SHADOW_ALONE(k) slices_alone(k)
#endif
#ifdef MUTANT_SCALE_BEFORE_PROXIES
#define PROXIES_TOLD true
#else
#define PROXIES_TOLD proxies_know
#endif
#if SERVICES == 2
#define SECOND_SERVICE(k) read_versions(k) atomic { patch(k, TO_SHADOW_1); if :: key[1] == k :: else -> goto give_up fi };
#else
#define SECOND_SERVICE(k)
#endif
#ifdef SELECTOR
#define SCALE(k) skip
#else
#define SCALE(k) read_versions(k) atomic { patch(k, TO_ZERO); if :: rep == 0 && ours == k :: else -> goto give_up fi }
#endif

/* Originals first, then the Services, then the front leaves */
inline put_back(pb_k) {
#ifdef MUTANT_COPY_DELETED_BEFORE_RESTORE
  delete_copy(pb_k);
#endif
  /* A patch of the laptop's own may still sleep in its socket, with a resourceVersion that nothing has changed since. So
   * whoever puts back first writes all objects (an annotation, and takes it out again), whether there is something to put
   * back or not */
#if defined(G0) && !defined(MUTANT_NO_FENCE)
  atomic { service_written(); target_written() };
#endif
  planned = (lease == pb_k || copy == pb_k);
  atomic { to_replicas(pb_k); planned = false };
#ifndef MUTANT_SERVICES_BACK_BEFORE_READY
  orig == READY || rep == 0;
#endif
#ifndef MUTANT_SERVICES_BACK_BEFORE_SLICES
  /* Turned round half way: what the slices show may be older than the patch, so first see them follow it */
  (key[0] != pb_k || !slice_o[0]) && (key[LAST] != pb_k || !slice_o[LAST]);
#endif
  atomic { to_originals(pb_k, 0) };
  atomic { to_originals(pb_k, LAST) };
#ifndef MUTANT_DRAIN_BEFORE_SLICES
  (slices_original && proxies_know) || rep == 0;
#endif
#ifndef G0
  admit[pb_k] = 0;
#endif
#ifdef G0
  shadow[pb_k] = 0; /* there is no guard to tell the front: it leaves by itself on SIGTERM */
  !up[pb_k] || shadow[pb_k]; /* shadow: a creation that slept; the next one finds it */
#elif !defined(MUTANT_SHADOW_DELETED_BEFORE_SLICES)
  !ready[pb_k] && slices_lack(pb_k) && proxies_know;
#endif
  delete_copy(pb_k)
}
inline delete_copy(dc_k) { atomic { if :: copy == dc_k -> copy = 0 :: else fi } }
#ifdef MUTANT_LEASE_DELETED_WITHOUT_TEST
#define lease_to_delete(k) (lease != 0)
#else
#define lease_to_delete(k) (lease == k && phase == RESTORE && !stay)
#endif
inline delete_lease(dl_k) { if :: lease_to_delete(dl_k) -> lease = 0; phase = 0; lease_written() :: else fi }

/* ---- The guard: a container of the shadow's pod. It keeps nothing but what it reads, so it may die at every step ---- */

#ifdef MUTANT_COMMIT_SKIPPED
#define committed(k) (lease == k && (phase == COMMIT || phase == PREP) && !silent(k) && shadow[k])
#else
#define committed(k) (lease == k && phase == COMMIT && !silent(k) && shadow[k])
#endif

#ifdef MUTANT_GUARD_BEGINS_AT_ONCE
#define BEGIN_AT_ONCE true
#else
#define BEGIN_AT_ONCE false
#endif

proctype Guard(byte k) {
  bit planned;
  do
  :: up[k] ->
     {
       late[k] == NONE || BEGIN_AT_ONCE; /* a patch of the one before it has landed or passed its deadline: only now a read is true */
begin:
       if
       :: committed(k)
       :: wanted_back(k) -> goto back
       :: lease == k && phase == STANDBY -> goto standby
       fi;
       forth(k);
       wanted_back(k);
       goto back;
give_up: /* somebody changed what the plan tested: nothing is written over it */
       atomic { if :: lease == k && phase == COMMIT -> phase = RESTORE; stay = 0; ended = 1; lease_written() :: else fi };
back:
       atomic {
         if
         :: lease == k && (phase == PREP || phase == COMMIT) && silent(k) -> 
            stay = (phase == COMMIT); ended = ended || !stay; phase = RESTORE; lease_written()
         :: lease == k && (phase == PREP || phase == COMMIT) && !silent(k) && shadow[k] -> goto begin /* it is back */
         :: else
         fi
       };
#ifdef MUTANT_SHADOW_DELETED_BEFORE_RESTORE
       shadow[k] = 0;
#endif
#ifdef MUTANT_LEASE_DELETED_BEFORE_RESTORE
       atomic { if :: !stay -> delete_lease(k) :: else fi };
#endif
       put_back(k);
#ifndef MUTANT_STANDBY_SKIPPED
       atomic {
         if
         :: lease == k && phase == RESTORE && stay && shadow[k] -> phase = STANDBY; stay = 0; lease_written()
         :: else -> goto leave
         fi
       };
#endif
standby:
       if
       :: lease == k && phase == COMMIT -> goto begin /* resumed */
       :: lease != k || phase == RESTORE || !shadow[k] -> goto leave
#ifndef MUTANT_CLAIM_NEVER_ENDS
       :: atomic { lease == k && phase == STANDBY && silent(k) -> phase = RESTORE; ended = 1; lease_written() } /* the claim ends */
#endif
       fi;
leave:
       delete_copy(k); /* of a resume that did not come to COMMIT */
       atomic {
#ifdef MUTANT_STANDBY_SKIPPED
         stay = 0;
#endif
         if
         :: lease == k && (phase == COMMIT || phase == STANDBY || (phase == RESTORE && stay)) && shadow[k] -> goto begin
         :: else -> delete_lease(k)
         fi
       };
       shadow[k] = 0; /* and with it the pod, the token, the rights */
       false
     } unless { killed[k] || !up[k] };
     killed[k] = 0
  od
}

/* ---- The laptop ---- */

/* Under the lock: what is there now, and to what it must come back */
inline read_plan(rp_k) {
  plan_rep[rp_k] = rep; plan_uid[rp_k] = uid; plan_other[rp_k] = other[0]
}
#define nothing_to_exchange (rep == 0 || keyed(1) || keyed(2))

/* Restore without a guard, for a session that has none left. The Lease's RESTORE, written under the resourceVersion that was
 * read before the guard was looked for, keeps its owner from COMMIT */
inline ask_back(ab_k) { if :: lease == ab_k -> phase = RESTORE; stay = 0; ended = 1; lease_written() :: else fi }
inline restore(re_k) {
  put_back(re_k);
  atomic { delete_lease(re_k) }
}

#ifdef MUTANT_CLAIM_WITHOUT_WAIT
#define PREDECESSOR_GONE(k) true
#else
#define PREDECESSOR_GONE(k) (!shadow[3 - k] && !up[3 - k])
#endif

proctype Laptop(byte k) provided (awake[k]) {
  byte h;
  bit planned;
claim:
  atomic {
    call(k, CLAIM);
    if
    :: lease == k -> goto claimed
    :: lease != k -> goto out /* told who holds it, since when, and what to type */
    :: USERS == 2 && lease != k && !taken
    fi
  };
  if
  :: true -> /* --take-over: ask like its owner, then try again */
     call(k, TAKES);
     if
     :: lease != 3 - k
     :: atomic { lease == 3 - k && phase == RESTORE && guardless(3 - k) && !awake[3 - k] -> ask_back(3 - k) }; restore(3 - k)
     :: atomic { lease == 3 - k && phase != RESTORE -> goto out }
     fi;
     goto claim
  fi;
claimed:
  if /* until the one before it is all back */
  :: copy == 0 && PREDECESSOR_GONE(k)
#ifdef MUTANT_COPY_OVERWRITTEN
  :: copy != 0
#endif
  :: atomic { copy != 0 && lease == k && guardless(copy) -> h = copy }; restore(h); h = 0
  :: lease != k || phase != PREP -> goto lost
  fi;
#ifndef MUTANT_SERVICES_NOT_SEARCHED
  if /* a key whose session is gone for good */
  :: keyed(3 - k) && lease != 3 - k && guardless(3 - k) ->
     atomic { to_originals(3 - k, 0) };
     atomic { to_originals(3 - k, LAST) }
  :: else
  fi;
#endif
  atomic { if :: nothing_to_exchange -> goto end :: else -> read_plan(k) fi };
#ifndef MUTANT_NO_COPY
  atomic { call(k, COPY); if :: copy == k :: copy != k -> goto end fi };
#endif
  call(k, SHADOW);
  if
  :: up[k] -> proven[k] = 1
  :: lease != k || phase != PREP -> goto lost
  :: !shadow[k] -> goto end
  fi;
commit:
  atomic { if :: lease == k && (phase == PREP || phase == STANDBY) :: else -> goto lost fi; call(k, COMMITS) };
#ifdef MUTANT_LAPTOP_PATCHES
  if :: lease == k && phase == COMMIT && all_keyed(k) && slices_alone(k) && proxies_know -> same_target[k] = 1; call(k, TO_ZERO) :: true fi;
#endif
#ifdef G0
  if :: lease == k && phase == COMMIT :: else -> goto lost fi;
  forth(k);
give_up:
back:
#endif
  if /* exchanged, or on the way: until Ctrl-C, which comes at any time */
  :: lease == k && phase == COMMIT -> goto end
  :: lease == k && phase == PREP -> goto end
  :: lease != k -> assert(ended || taken || hand || excused); goto lost
  :: lease == k && !shadow[k] -> goto lost
  :: lease == k && phase == RESTORE && !stay -> goto lost /* somebody took over, or the guard gave up: told */
  :: lease == k && phase == STANDBY && shadow[k] -> /* slept: resume, with a plan of now */
#ifdef MUTANT_RESUME_WITHOUT_PLAN
     goto commit;
#endif
     atomic { if :: nothing_to_exchange -> goto end :: else -> read_plan(k) fi };
     atomic { call(k, COPY); if :: copy == k -> goto commit :: copy != k -> goto end fi }
  fi;
end:
  if
  :: lease == k && phase != RESTORE -> call(k, ENDS); goto end
  :: else
  fi;
lost:
  do
  :: lease != k && guardless(k) && (copy == k || shadow[k]) -> put_back(k); break /* of a start or a resume that came too late */
  :: lease != k && copy != k && (GUARDED || !shadow[k]) -> break
  :: lease == k && phase != RESTORE -> goto end
#ifndef MUTANT_LAPTOP_ONLY_WAITS
  :: atomic { lease == k && phase == RESTORE && guardless(k) -> ask_back(k) }; restore(k)
#endif
  od;
out:
  
  over[k] = 1
}

/* `kubectl kt-exchange restore`, or the start of anybody's next exchange: what no guard is left for */
proctype Next() {
  byte h;
  bit planned;
  do
  :: atomic { lease != 0 && guardless(lease) && !awake[lease] -> h = lease; ask_back(h) }; restore(h); h = 0
  :: atomic { copy != 0 && lease != copy && guardless(copy) && lease == 0 -> h = copy }; restore(h); h = 0
#ifdef G0
  :: atomic { lease != 1 && shadow[1] && copy == 0 -> shadow[1] = 0 } /* of a session that has lost its Lease */
#endif
#ifndef MUTANT_SERVICES_NOT_SEARCHED
  :: atomic { lease == 0 && copy == 0 && key[0] != 0 && guardless(key[0]) -> to_originals(key[0], 0) }
  :: atomic { lease == 0 && copy == 0 && key[LAST] != 0 && guardless(key[LAST]) -> to_originals(key[LAST], LAST) }
#endif
  od
}

/* ---- The cluster ---- */

#ifdef UNREADY_LISTED
#define original_in(s) (orig != DOWN && seen[s] == 0)
#define UNREADY true
#else
#define original_in(s) (orig == READY && seen[s] == 0)
#define UNREADY false
#endif
#define shadow_in(s, k) (up[k] && shadow[k] && ready[k] && (seen[s] == 0 || seen[s] == k))
#define listed(s) (shadow_in(s, 1) -> 1 : (shadow_in(s, 2) -> 2 : 0))
#define endpoints(s) \
  :: atomic { seen[s] != key[s] -> seen[s] = key[s] } \
  :: atomic { slice_o[s] != original_in(s) || slice_k[s] != listed(s) -> slice_o[s] = original_in(s); slice_k[s] = listed(s) } \
  :: atomic { proxy_o[s] != slice_o[s] || proxy_k[s] != slice_k[s] -> proxy_o[s] = slice_o[s]; proxy_k[s] = slice_k[s] }
/* On SIGTERM the front serves on until no kube-proxy sends to it any more */
#ifdef MUTANT_FRONT_DIES_ON_SIGTERM
#define drained(k) true
#else
#define drained(k) (slices_lack(k) && proxies_know)
#endif
#define pods(k) \
  :: atomic { shadow[k] && !up[k] -> up[k] = 1 } \
  :: atomic { !shadow[k] && up[k] && drained(k) -> up[k] = 0; admit[k] = 0; ready[k] = 0 } \
  :: atomic { up[k] && ready[k] != admit[k] -> ready[k] = admit[k] } \
  :: atomic { (shadow[k] || copy == k || lease == k) && plan_uid[k] != uid && plan_rep[k] != 0 -> collect(k) }
/* The garbage collector: all of a session is owned by the target that it was made for */
#define collect(k) shadow[k] = 0; if :: copy == k -> copy = 0 :: else fi; if :: lease == k -> lease = 0; phase = 0; lease_written(); hand = 1 :: else fi; excused = 1

proctype Cluster() {
  do
#ifdef UNREADY_LISTED
  :: atomic { rep > 0 && orig == DOWN -> orig = STARTING }
  :: atomic { rep > 0 && orig == STARTING -> orig = READY }
#else
  :: atomic { rep > 0 && orig == DOWN -> orig = READY }
#endif
  :: atomic { rep == 0 && orig != DOWN -> orig = DOWN }
  endpoints(0)
#if SERVICES == 2
  endpoints(1)
#endif
  pods(1)
#if USERS == 2
  pods(2)
#endif
  od
}

/* ---- What goes wrong ---- */

/* A request of the guard dies with the guard's pod: its token is bound to the pod */
#ifdef MUTANT_TOKEN_OUTLIVES_POD
#define token(k) true
#else
#define token(k) up[k]
#endif
#if USERS == 2
#define evictions false
#else
#define evictions true
#endif
#define mishaps(k) \
  :: atomic { socket[k] != NONE -> if :: same_version(k, socket[k]) -> land(k, socket[k]) :: else fi; socket[k] = NONE } \
  :: atomic { socket[k] != NONE -> socket[k] = NONE } \
  :: atomic { !awake[k] && !dead[k] -> awake[k] = 1 } \
  :: atomic { !awake[k] && !dead[k] -> dead[k] = 1 } \
  :: atomic { awake[k] && !over[k] && fault -> faults++; awake[k] = 0 } \
  :: atomic { late[k] != NONE -> if :: token(k) -> land(k, late[k]) :: else fi; late[k] = NONE } \
  :: atomic { late[k] != NONE -> late[k] = NONE } \
  :: atomic { up[k] && !killed[k] && fault -> faults++; killed[k] = 1 } \
  :: atomic { evictions && up[k] && fault -> faults++; up[k] = 0; admit[k] = 0; ready[k] = 0; excused = 1 } /* evicted */

proctype Mishaps() {
  do
  mishaps(1) /* of two users one may meet them: the model is the same for both, so call that one 1 */
  od
}

proctype Outsider() {
  do
#if USERS == 1 /* one user is enough to meet these */
  :: atomic { fault && rep != 2 -> faults++; rep = 2; ours = 0; want_rep = 2; target_written() } /* kubectl scale, HPA */
  :: atomic { fault && rep == 0 -> faults++; rep = 1; ours = 0; want_rep = 1; target_written() } /* helm re-applies */
  :: atomic { fault && rep != 0 -> faults++; rep = 0; ours = 0; want_rep = 0; excused = 1; target_written() }
  :: atomic { fault && key[0] != 0 -> faults++; key[0] = 0; service_written();
       /* served still, as long as nothing else happens until everybody has heard of it */
       if :: orig != DOWN || UNREADY || FAULTS > 1 -> excused = 1 :: else fi }
  :: atomic { fault && !other[0] -> faults++; other[0] = 1; want_other[0] = 1; service_written() }
#endif
  :: atomic { fault && lease != 0 -> faults++; hand = 1; excused = excused || !GUARDED;
#ifdef MUTANT_SHADOW_OWNED_BY_LEASE
       shadow[lease] = 0;
#endif
       lease = 0; phase = 0; lease_written() }
  :: atomic { fault && shadow[1] -> faults++; shadow[1] = 0; excused = 1 }
#if USERS == 1 || defined(RECREATED)
  :: atomic { fault && !uid -> faults++; uid = 1; rep = 1; ours = 0; want_rep = 1; orig = DOWN; excused = 1; target_written() }
#endif
  od
}

/* ---- What must hold ---- */

#define fails(s) ((proxy_o[s] && orig != READY) || (proxy_k[s] != 0 && !up[proxy_k[s]]) || (!proxy_o[s] && !proxy_k[s]))
#define as_before (rep == want_rep && key[0] == 0 && key[LAST] == 0 && other[0] == want_other[0] && other[LAST] == want_other[LAST])
#define nothing_left (lease == 0 && copy == 0 && !shadow[1] && !shadow[2] && !up[1] && !up[2])

proctype Watch() {
  do
  /* At every moment kube-proxy sends to somebody, and whoever it sends to accepts */
  :: atomic { (fails(0) || fails(LAST)) && !excused -> assert(false) }
  /* Never two owners */
  :: atomic { (admit[1] && admit[2]) || (effect(1) && effect(2)) -> assert(false) }
  /* While anything is changed, its Lease says so */
  :: atomic { ((effect(1) && lease != 1) || (effect(2) && lease != 2)) && !hand -> assert(false) }
  /* A front is ready only when the way was proven */
  :: atomic { (admit[1] && !proven[1]) || (admit[2] && !proven[2]) -> assert(false) }
  /* And the model does come where it matters: these must be violated */
#ifdef REACHES_EXCHANGED
  :: atomic { effect(1) && orig == DOWN && proxy_k[0] == 1 -> assert(false) }
#elif defined(REACHES_RESUMED)
  :: atomic { phase == STANDBY && copy == 1 && awake[1] -> assert(false) }
#elif defined(REACHES_CLAIM_END)
  :: atomic { dead[1] && made[1] && ended && lease == 0 && copy == 0 && !up[1] -> assert(false) }
#elif defined(REACHES_TAKEN_OVER)
  :: atomic { taken && lease != 0 && effect(lease) && phase == COMMIT -> assert(false) }
#endif
  /* When nothing moves any more, it is as before, but for what outsiders changed; and nothing is left */
#ifdef ALONE
  /* Nobody need type anything once there was a guard, and it was not taken away; but a copy may be left by a resume that slept */
  :: timeout -> assert(excused || as_before); assert(excused || !made[1] || nothing_left || (dead[1] && copy)); break
#else
  :: timeout -> assert(as_before); assert(nothing_left); break
#endif
  od
}

init {
  atomic {
    run Laptop(1);
#if USERS == 2
    run Laptop(2);
#endif
#ifndef G0
    run Guard(1);
#if USERS == 2
    run Guard(2);
#endif
#endif
#ifndef ALONE
    run Next();
#endif
    run Cluster(); run Mishaps(); run Outsider(); run Watch()
  }
}

/* What `run` checks, each with the options that make it small enough to be searched whole.
 *
 * holds  one user, two mishaps                  -DFAULTS=2
 * holds  two users, one mishap                  -DUSERS=2
 * holds  two Services                           -DSERVICES=2
 * holds  Services that publish unready pods     -DUNREADY_LISTED
 * holds  selector mode                          -DSELECTOR -DFAULTS=2
 * holds  nobody types another command           -DALONE -DFAULTS=2
 * holds  no guard                               -DG0 -DFAULTS=2
 * holds  no guard, selector mode                -DG0 -DSELECTOR -DFAULTS=2
 * ends   one user                               -DFAULTS=1
 * ends   two users                              -DUSERS=2 -DFAULTS=0
 * ends   no guard                               -DG0 -DFAULTS=1
 * comes  to an exchange                         -DREACHES_EXCHANGED -DFAULTS=0
 * comes  to a resume                            -DREACHES_RESUMED
 * comes  to the end of a claim                  -DREACHES_CLAIM_END
 * comes  to an exchange after a take-over       -DREACHES_TAKEN_OVER -DUSERS=2 -DFAULTS=0
 *
 * A mutant is searched with FAULTS=1 and
 * MUTANT_CLAIM_WITHOUT_TEST                     -DUSERS=2
 * MUTANT_CLAIM_WITHOUT_WAIT                     -DUSERS=2 -DRECREATED
 * MUTANT_COPY_DELETED_BEFORE_RESTORE            -DFAULTS=2
 * MUTANT_COPY_OVERWRITTEN                       -DUSERS=2
 * MUTANT_FRONT_DIES_ON_SIGTERM                  -DG0
 * MUTANT_LEASE_DELETED_WITHOUT_TEST             -DUSERS=2
 * MUTANT_GUARD_BEGINS_AT_ONCE                   -DFAULTS=2
 * MUTANT_NO_COPY                                -DFAULTS=2
 * MUTANT_NO_FENCE                               -DG0
 * MUTANT_OWNER_WITHOUT_SESSION                  -DUSERS=2
 * MUTANT_LEASE_WRITTEN_WITHOUT_TEST             -DUSERS=2
 * MUTANT_RESUME_WITHOUT_PLAN                    -DFAULTS=2
 * MUTANT_SERVICES_BACK_BEFORE_READY             -DUNREADY_LISTED
 * MUTANT_SERVICES_NOT_SEARCHED                  -DFAULTS=2
 * MUTANT_SHADOW_DELETED_BEFORE_SLICES           -DMUTANT_FRONT_DIES_ON_SIGTERM
 * MUTANT_TOKEN_OUTLIVES_POD                     -DFAULTS=2
 */
