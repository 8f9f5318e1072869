import MessageFormat
import RemotingProtocol

/// From where on `apus check` complains.
struct CheckLimits: Hashable, Sendable {
    /// Percent of a broker's disk in use.
    var disk = CheckThreshold(warning: 80, critical: 90)
    /// Messages that a group is behind.
    var lag = CheckThreshold()
    /// Bytes that a replica in step is behind.
    var replicaLag = CheckThreshold()
}

// A picture of a cluster, as a monitoring system wants it.
extension ClusterPicture {
    /// - Parameter lags: by group; those that were asked for.
    func verdict(_ limits: CheckLimits, lags: [(group: String, messages: Int64)]) -> CheckVerdict {
        var verdict = CheckVerdict()
        for check in self.checks {
            guard let problem = check.problem else { continue }
            verdict.problems.append((check.state, "\(check.what): \(problem)"))
        }
        self.count(into: &verdict)
        self.judgeDisks(limits.disk, &verdict)
        self.judgeReplicas(limits.replicaLag, &verdict)
        Self.judge(lags, limits.lag, &verdict)
        return verdict
    }

    private func count(into verdict: inout CheckVerdict) {
        func add(_ label: String, _ count: Int, of all: Int) {
            guard all > 0 else { return }
            verdict.figures.append(
                CheckFigure(label: label, value: Double(count), max: Double(all)))
        }
        let servers = self.nameServers.filter { $0.problem == nil }.count
        let controllers = self.controllers.filter { $0.problem == nil }.count
        let groups = self.groups?.groups.values.map(\.self) ?? []
        let known = groups.flatMap(\.all)
        let brokers =
            known.isEmpty
            ? self.brokers.filter { $0.problem == nil }.count
            : known.filter(\.isAlive).count
        let allBrokers = known.isEmpty ? self.brokers.count : known.count
        verdict.summary = "\(brokers) brokers, \(controllers) controllers, \(servers) name servers"
        add("name_servers", servers, of: self.nameServers.count)
        add("controllers", controllers, of: self.controllers.count)
        add("brokers", brokers, of: allBrokers)
        add("in_sync", groups.reduce(0) { $0 + $1.inSync.filter(\.isAlive).count }, of: known.count)
    }

    private func judgeDisks(_ threshold: CheckThreshold, _ verdict: inout CheckVerdict) {
        let ratios = self.brokers.compactMap { broker in
            broker.runtime["commitLogDiskRatio"].flatMap(Double.init).map {
                (broker: broker, percent: max(0, $0 * 100).rounded())
            }
        }
        guard let fullest = ratios.max(by: { $0.percent < $1.percent }) else { return }
        for (broker, percent) in ratios where threshold.state(of: percent) != .ok {
            verdict.problems.append(
                (
                    threshold.state(of: percent),
                    "the disk of broker \(broker.name) at \(broker.address) is \(Int(percent)) % full"
                ))
        }
        verdict.summary += ", disks at most \(Int(fullest.percent)) % full"
        verdict.figures.append(
            CheckFigure(
                label: "disk_used", value: fullest.percent, unit: "%", threshold: threshold,
                max: 100))
    }

    private func judgeReplicas(_ threshold: CheckThreshold, _ verdict: inout CheckVerdict) {
        let lags = (self.groups?.groups ?? [:]).sorted { $0.key < $1.key }.flatMap { name, group in
            group.inSync.compactMap { broker in
                group.lag(of: broker).map { (name: name, id: broker.brokerID, bytes: $0) }
            }
        }
        guard let worst = lags.map(\.bytes).max() else { return }
        for lag in lags where threshold.state(of: Double(lag.bytes)) != .ok {
            verdict.problems.append(
                (
                    threshold.state(of: Double(lag.bytes)),
                    "broker \(lag.name) \(lag.id) is \(lag.bytes) bytes behind its master"
                ))
        }
        verdict.figures.append(
            CheckFigure(
                label: "replica_lag", value: Double(worst), unit: "B", threshold: threshold))
    }

    private static func judge(
        _ lags: [(group: String, messages: Int64)], _ threshold: CheckThreshold,
        _ verdict: inout CheckVerdict
    ) {
        guard let worst = lags.map(\.messages).max() else { return }
        for lag in lags where threshold.state(of: Double(lag.messages)) != .ok {
            verdict.problems.append(
                (
                    threshold.state(of: Double(lag.messages)),
                    "group \(lag.group) is \(lag.messages) messages behind"
                ))
        }
        verdict.summary += ", groups at most \(worst) messages behind"
        verdict.figures.append(
            CheckFigure(label: "lag", value: Double(worst), threshold: threshold))
    }
}
