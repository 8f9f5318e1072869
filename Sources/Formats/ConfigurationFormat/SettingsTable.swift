/// All settings of one program, and how what several places say about them becomes a configuration.
///
/// A flag wins over the environment, that over the file, that over the default.
package struct SettingsTable<Configuration: Sendable>: Sendable {
    package let program: String
    package let defaults: Configuration
    /// In the order in which they are shown.
    package let settings: [Setting<Configuration>]
    package let fixed: [FixedSetting<Configuration>]
    /// Keys of RocketMQ's that mean nothing here.
    package let idleKeys: Set<String>
    /// What is wrong with settings that are right one by one.
    let check: @Sendable (Configuration) -> [String]

    package init(
        program: String, defaults: Configuration, settings: [Setting<Configuration>],
        fixed: [FixedSetting<Configuration>] = [], idleKeys: Set<String> = [],
        check: @escaping @Sendable (Configuration) -> [String] = { _ in [] }
    ) {
        self.program = program
        self.defaults = defaults
        self.settings = settings
        self.fixed = fixed
        let known = Set(settings.flatMap(\.names) + fixed.map(\.key))
        self.idleKeys = idleKeys.subtracting(known)
        self.check = check
    }

    /// - Parameters:
    ///   - environment: all of it; variables of other programs are passed over.
    ///   - flags: in the order of the command line.
    package func resolve(
        file: PropertiesFile? = nil, environment: [(name: String, value: String)] = [],
        flags: [GivenSetting] = []
    ) throws(ConfigurationProblems) -> ResolvedSettings<Configuration> {
        var resolution = Resolution(table: self)
        for entry in file?.entries ?? [] {
            let source = SettingSource.file(file?.name ?? "", line: entry.line)
            resolution.take(GivenSetting(entry.key, entry.value, source))
        }
        for variable in environment.sorted(by: { $0.name < $1.name }) {
            resolution.take(variable: variable.name, variable.value)
        }
        for flag in flags { resolution.take(flag) }
        return try resolution.finish()
    }

    func setting(named name: String) -> Setting<Configuration>? {
        self.settings.first { $0.names.contains(name) }
    }

    func nearest(to name: String) -> String? {
        NearestKey.of(
            name, among: self.settings.map(\.key) + self.otherKnownNames + self.idleKeys.sorted())
    }

    private var otherKnownNames: [String] {
        self.settings.flatMap(\.aliases) + self.fixed.map(\.key)
    }
}

/// What counts in the end, who said so, and what the operator should hear of it.
package struct ResolvedSettings<Configuration: Sendable>: Sendable {
    package let configuration: Configuration
    package let remarks: [ConfigurationRemark]
    package let program: String
    /// Every setting, in the order of the table.
    package let effective: [GivenSetting]

    package func source(of key: String) -> SettingSource? {
        self.effective.first { $0.key == key }?.source
    }

    /// A configuration file that says the same; comments tell who said what follows them.
    package var text: String {
        var lines = ["# Settings in force of \(self.program): flag > environment > file > default"]
        var source: SettingSource?
        for setting in self.effective {
            if setting.source != source { lines += ["", "# \(setting.source)"] }
            source = setting.source
            lines.append("\(setting.key)=\(Unescaping.escaped(setting.value))")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
