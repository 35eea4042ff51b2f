/* The yardstick of `make bench`: flashsale_lib/model/step.py by hand, for the case a sweep meets.
 *
 * Specialised beyond what the library may assume: skip_stale on, gateway always healthy, automatic policies off,
 * nothing recorded, small fixed arrays, constants hoisted. Same totals, peaks, waits and door histogram. Parameters come as one row of
 * doubles in the order of the enum. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE, RELOAD_PROBABILITY, RELOAD_DELAY, SERVICE_TIME, CONTENTION, COHERENCY, CALL_LIMIT, ERROR_TIME,
       ERROR_RATE, DECLINE_RATE, ADMIT_RATE, ADMIT_BURST, DOOR_SERVERS, DOOR_TIME, REFUSAL_COST, MAX_WAIT, QUEUE_LIMIT,
       WORKERS, DISPATCH_RATE, TIMEOUT, ATTEMPTS, BACKOFF, PARAMETERS };
enum { PAID, PAID_LATE, DECLINED, TURNED_AWAY, GAVE_UP, DEAD_LETTERED, ARRIVED, OFFERED, ADMITTED, CALLS, REFUSED,
       TIMED_OUT, ERRORS, RELOADING, QUEUED, AT_GATEWAY, RECOVERING, IN_FLIGHT, RESPONSE_TIME, TOKENS, DOOR_LOAD,
       DOOR_DELAY, FIELDS };
enum { LOAD_BINS = 200, MOST = 20 };

static inline double least(double a, double b) { return a < b ? a : b; } /* fmin would be a call, for NaN */
static inline double most(double a, double b) { return a > b ? a : b; }

static inline void relax(double rate, double dt, double *stays, double *settles) {
    double x = rate * dt;
    if (x < 1e-8) { *stays = 1 - x; *settles = dt * (1 - 0.5 * x); return; }
    double gone = -expm1(-x);
    *stays = 1 - gone;
    *settles = gone / rate;
}

static inline int bin_of(double w, double first, double scale, int last) {
    if (w < first) return 0;
    int i = 1 + (int)(log(w / first) * scale);
    return i < last ? i : last;
}

static void play(const double *p, const double *arrivals, long steps, double dt, double *total, double *peak,
                 float *waits, float *accepts, const double *edges, int bins, double *work) {
    double *queue_path = work, *gone_path = work + steps + 1, *served = work + 2 * (steps + 1),
           *wait = work + 3 * (steps + 1), *admitted_path = work + 4 * (steps + 1);
    double queue[MOST] = {0}, calling[MOST] = {0}, refused[MOST] = {0}, recovering[MOST + 1] = {0},
           late[MOST + 1] = {0}, pause_stays[MOST + 1] = {0}, pause_settles[MOST + 1] = {0};
    double b[FIELDS] = {0};
    double reloading = 0, reloaded_late = 0, waited_for = 0, in_refusal = 0, n = 0, before = 0, backlog = 0;
    double tokens = p[ADMIT_BURST], leave = 1 / p[PATIENCE], max_queue = 0, max_n = 0, worst = 0;
    double q_stays, q_settles, r_stays, r_settles, e_stays, e_settles, last_in_recovery = 0;
    double first = edges[1], scale = 1 / log(edges[2] / edges[1]), per_step = 1 / dt;
    int attempts = (int)p[ATTEMPTS], limited = p[ADMIT_RATE] < INFINITY;
    relax(leave, dt, &q_stays, &q_settles);
    relax(1 / p[RELOAD_DELAY], dt, &r_stays, &r_settles);
    relax(1 / p[ERROR_TIME], dt, &e_stays, &e_settles);
    for (int j = 1; j < attempts; j++) {
        double pause = ldexp(p[BACKOFF], j - 1);
        if (pause > 0) relax(1 / pause, dt, &pause_stays[j], &pause_settles[j]);
    }
    queue_path[0] = gone_path[0] = 0;
    for (long k = 0; k < steps; k++) {
        double mid = n + 0.5 * (n - before);
        mid = least(most(mid, 0), p[CALL_LIMIT]);
        double others = most(mid - 1, 0);
        double mu = 1 / (p[SERVICE_TIME] * (1 + p[CONTENTION] * others + p[COHERENCY] * mid * others));
        double x = mu * p[TIMEOUT];
        double release = mu + (x > 700 ? 0 : x < 1e-12 ? 1 / p[TIMEOUT] : mu / expm1(x));
        double c_stays, c_settles, w_stays, w_settles;
        relax(release, dt, &c_stays, &c_settles);
        relax(mu, dt, &w_stays, &w_settles);

        double returning = reloading * (1 - r_stays) + reloaded_late, recovered = 0, left = 0;
        for (int j = 1; j < attempts; j++) recovered += recovering[j] * (1 - pause_stays[j]) + late[j];
        for (int j = 0; j < attempts; j++) left += queue[j] * q_stays;
        double free_ = p[WORKERS] - waited_for * c_stays - in_refusal * e_stays;
        double room = most(0, (p[CALL_LIMIT] - n * w_stays) / w_settles);
        double taken = least(least(most(0, free_ / c_settles), room), p[DISPATCH_RATE]), refusable = 0;
        if (taken == room && room < p[DISPATCH_RATE])
            refusable = least(most(0, free_ - taken * c_settles) / e_settles, p[DISPATCH_RATE] - taken);
        double offered = (arrivals[k] + returning) * per_step, limit = p[QUEUE_LIMIT];
        if (p[MAX_WAIT] < INFINITY) {
            double drain = least(p[DISPATCH_RATE], least(p[WORKERS], p[CALL_LIMIT]) * release);
            if (drain < INFINITY) limit = least(limit, p[MAX_WAIT] * drain);
        }
        double admitted = least(offered, tokens * per_step + p[ADMIT_RATE]);
        if (limit < INFINITY)
            admitted = least(admitted, most(0, (limit - left) / q_settles + taken + refusable - recovered * per_step));
        if (limited) tokens = least(p[ADMIT_BURST], most(0, tokens + (p[ADMIT_RATE] - admitted) * dt));
        double away = (offered - admitted) * dt;
        double door = (admitted + (offered - admitted) * p[REFUSAL_COST]) * p[DOOR_TIME];
        backlog = most(0, backlog + (door - p[DOOR_SERVERS]) * dt);
        double load = least(1, door / p[DOOR_SERVERS]), delay = backlog / p[DOOR_SERVERS];
        if (backlog > 0) accepts[LOAD_BINS + bin_of(delay, first, scale, bins - 1)] += offered * dt;
        else accepts[load < 1 ? (int)(load * LOAD_BINS) : LOAD_BINS - 1] += offered * dt;
        double again = away * p[RELOAD_PROBABILITY];
        reloading = reloading * r_stays + again * per_step * r_settles;
        reloaded_late = again - again * per_step * r_settles;
        b[TURNED_AWAY] += away - again;

        double supply = left / q_settles + (admitted * dt + recovered) * per_step;
        double dispatched = least(taken + refusable, supply);
        taken = least(taken, dispatched);
        double share_taken = dispatched > 0 ? taken / dispatched : 0, share = supply > 0 ? dispatched / supply : 0;
        gone_path[k + 1] = gone_path[k] + dispatched * dt;
        admitted_path[k] = admitted * dt;

        double queued = 0, in_recovery = 0;
        waited_for = in_refusal = 0;
        for (int j = attempts - 1; j >= 0; j--) {
            double joining = admitted;
            if (j > 0) {
                joining = (recovering[j] * (1 - pause_stays[j]) + late[j]) * per_step;
                recovering[j] *= pause_stays[j];
                late[j] = 0;
            }
            double leaving = (queue[j] * q_stays / q_settles + joining) * share;
            double change = (joining - leaving) * dt;
            double over = most(0, queue[j] * q_stays + (joining - leaving) * q_settles);
            double gave_up = most(0, queue[j] + change - over);
            b[GAVE_UP] += gave_up;
            queue[j] = most(0, queue[j] + change - gave_up);
            queued += queue[j];
            double accepted = leaving * share_taken, rejected = leaving - accepted;
            double under_way = calling[j] * c_stays + accepted * c_settles;
            double finished = most(0, calling[j] + accepted * dt - under_way);
            calling[j] = under_way;
            waited_for += under_way;
            double held = refused[j] * e_stays + rejected * e_settles;
            double turned_down = most(0, refused[j] + rejected * dt - held);
            refused[j] = held;
            in_refusal += held;
            double answered = finished * mu / release, timed_out = most(0, finished - answered);
            double errors = answered * p[ERROR_RATE], declined = (answered - errors) * p[DECLINE_RATE];
            b[PAID] += answered - errors - declined;
            b[DECLINED] += declined;
            b[ERRORS] += errors;
            b[TIMED_OUT] += timed_out;
            b[REFUSED] += rejected * dt;
            double failed = errors + timed_out + turned_down;
            if (j + 1 < attempts) {
                double resting = failed * per_step * pause_settles[j + 1];
                recovering[j + 1] += resting;
                late[j + 1] += failed - resting;
                in_recovery += recovering[j + 1] + late[j + 1];
            } else b[DEAD_LETTERED] += failed;
        }
        before = n;
        n = most(waited_for, n * w_stays + taken * w_settles);
        queue_path[k + 1] = queued;
        b[ARRIVED] += arrivals[k];
        b[OFFERED] += offered * dt;
        b[ADMITTED] += admitted * dt;
        b[CALLS] += dispatched * dt;
        last_in_recovery = in_recovery;
        others = most(n - 1, 0);
        double response = p[SERVICE_TIME] * (1 + p[CONTENTION] * others + p[COHERENCY] * n * others);
        max_queue = most(max_queue, queued);
        max_n = most(max_n, n);
        worst = most(worst, response);
        b[QUEUED] = queued;
        b[RESPONSE_TIME] = response;
        b[DOOR_LOAD] = load;
        b[DOOR_DELAY] = delay;
    }
    b[RELOADING] = reloading + reloaded_late;
    b[AT_GATEWAY] = waited_for + in_refusal;
    b[RECOVERING] = last_in_recovery;
    b[IN_FLIGHT] = n;
    b[TOKENS] = tokens;
    memcpy(total, b, sizeof b);
    peak[0] = max_queue; peak[1] = max_n; peak[2] = worst;

    served[0] = 0;
    for (long k = 0; k < steps; k++)
        served[k + 1] = served[k] * q_stays + (gone_path[k + 1] - gone_path[k]) * per_step * q_settles;
    double slack = 1e-9 * most(1, gone_path[steps]);
    long turn = 0;
    for (long k = 0; k <= steps; k++) {
        if (turn < k) turn = k;
        double ahead = served[k] + queue_path[k];
        while (turn < steps && ahead * exp(-leave * (turn + 1 - k) * dt) > served[turn + 1] + slack) turn++;
        if (turn == steps) { wait[k] = (steps - k) * dt; continue; }
        double rate = (gone_path[turn + 1] - gone_path[turn]) * per_step, into = 0;
        double rest = most(0, ahead * exp(-leave * (turn - k) * dt) - served[turn]);
        if (rest > 0) into = rate <= 0 ? dt : leave == 0 ? rest / rate : log1p(rest * leave / rate) / leave;
        wait[k] = (turn - k) * dt + least(into, dt);
    }
    double *count = calloc(bins, sizeof(double)), longest = 0;
    for (long k = 0; k < steps; k++) {
        double w = 0.5 * (wait[k] + wait[k + 1]);
        double stayed = admitted_path[k] * exp(-w * leave);
        count[bin_of(w, first, scale, bins - 1)] += stayed;
        if (stayed > 0) longest = most(longest, w);
    }
    peak[3] = longest;
    for (int i = 0; i < bins; i++) waits[i] = count[i];
    free(count);
}

void play_many(const double *rows, long from, long to, const double *arrivals, long steps, double dt, double *totals,
               double *peaks, float *waits, float *accepts, const double *edges, int bins) {
    double *work = malloc(5 * (steps + 1) * sizeof(double));
    for (long i = from; i < to; i++)
        play(rows + i * PARAMETERS, arrivals, steps, dt, totals + i * FIELDS, peaks + i * 4, waits + i * bins,
             accepts + i * (LOAD_BINS + bins), edges, bins, work);
    free(work);
}
