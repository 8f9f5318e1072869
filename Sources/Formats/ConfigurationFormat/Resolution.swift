/// What several places say is put together: the least of them first.
struct Resolution<Configuration: Sendable> {
    private let table: SettingsTable<Configuration>
    private var configuration: Configuration
    private var sources: [String: SettingSource] = [:]
    private var fixed: [GivenSetting] = []
    private var idle: [GivenSetting] = []
    private var remarks: [ConfigurationRemark] = []
    private var problems: [ConfigurationProblem] = []

    init(table: SettingsTable<Configuration>) {
        self.table = table
        self.configuration = table.defaults
    }

    mutating func take(_ given: GivenSetting) {
        if let setting = self.table.setting(named: given.key) {
            self.take(given, setting)
        } else if self.table.fixed.contains(where: { $0.key == given.key }) {
            self.fixed.append(given)
        } else if self.table.idleKeys.contains(given.key) {
            self.idle.append(given)
        } else {
            self.unknown(given)
        }
    }

    /// A variable of the environment, if it is one of ours and says anything.
    mutating func take(variable name: String, _ value: String) {
        guard name.hasPrefix(EnvironmentName.prefix), !value.isEmpty else { return }
        let names = self.table.settings.flatMap(\.names) + self.table.fixed.map(\.key)
        if let key = names.first(where: { EnvironmentName.of(key: $0) == name }) {
            self.take(GivenSetting(key, value, .environment(name)))
        } else if let near = NearestKey.of(name, among: names.map(EnvironmentName.of(key:))),
            NearestKey.distance(Array(name.utf8), Array(near.utf8)) <= 2
        {
            // Others have variables with our prefix too: only what looks like a mistake is named.
            self.warn("\(name): there is no such variable; \(near) is the nearest")
        }
    }

    private mutating func take(_ given: GivenSetting, _ setting: Setting<Configuration>) {
        do throws(WrongValue) {
            try setting.take(given.value, &self.configuration)
        } catch {
            let value = given.value.isEmpty ? "nothing" : given.value
            self.problems.append(
                ConfigurationProblem(
                    at: given.source.place, "\(given.key) \(error.expectation), not \(value)"))
        }
        if case .file? = self.sources[setting.key], case .file = given.source {
            let earlier = self.sources[setting.key]?.place ?? ""
            self.warn("\(given.source.place): \(given.key) counts, not what \(earlier) says")
        }
        self.sources[setting.key] = given.source
    }

    private mutating func unknown(_ given: GivenSetting) {
        let nearest = self.table.nearest(to: given.key)
        let advice = nearest.map { "\($0) is the nearest" } ?? "none is like it"
        let text = "there is no key \(given.key); \(advice)"
        switch given.source {
        case .flag(let flag): self.problems.append(ConfigurationProblem(at: flag, text))
        default: self.warn("\(given.source.place): \(text)")
        }
    }

    private mutating func warn(_ text: String) {
        self.remarks.append(ConfigurationRemark(level: .warning, text: text))
    }

    consuming func finish() throws(ConfigurationProblems) -> ResolvedSettings<Configuration> {
        self.judgeFixed()
        if self.problems.isEmpty {
            self.problems += self.table.check(self.configuration)
                .map { ConfigurationProblem(at: nil, $0) }
        }
        guard self.problems.isEmpty else { throw ConfigurationProblems(self.problems) }
        self.tellIdle()
        let (configuration, sources) = (self.configuration, self.sources)
        return ResolvedSettings(
            configuration: configuration, remarks: self.remarks, program: self.table.program,
            effective: self.table.settings.map {
                GivenSetting($0.key, $0.show(configuration), sources[$0.key] ?? .byDefault)
            })
    }

    /// After everything else is known: some depend on other settings.
    private mutating func judgeFixed() {
        for given in self.fixed {
            guard let fixed = self.table.fixed.first(where: { $0.key == given.key }) else {
                continue
            }
            let asked = "\(given.key)=\(given.value)"
            switch fixed.judge(given.value, self.configuration) {
            case .fine: break
            case .noEffect(let reason):
                self.warn("\(given.source.place): \(asked) has no effect: \(reason)")
            case .wrong(let reason):
                self.problems.append(
                    ConfigurationProblem(at: given.source.place, "\(asked): \(reason)"))
            }
        }
    }

    private mutating func tellIdle() {
        var keys: [String] = []
        for given in self.idle where !keys.contains(given.key) { keys.append(given.key) }
        guard let first = self.idle.first else { return }
        let place = if case .file(let name, _) = first.source { name } else { first.source.place }
        self.remarks.append(
            ConfigurationRemark(
                level: .info,
                text: "\(place): keys of RocketMQ that mean nothing here: "
                    + keys.joined(separator: ", ")))
    }
}
