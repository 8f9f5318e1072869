import Testing

@testable import ConfigurationFormat

private struct Kitchen: Hashable, Sendable {
    var port = 1
    var wait = Duration.seconds(5)
    var size = 4_096
    var isOpen = true
    var friends: [String] = []
    var host: String?
    var ratio = 85
    var level = 0
}

private let table = SettingsTable(
    program: "kitchen", defaults: Kitchen(),
    settings: [
        Setting("listenPort", \.port, .number(1...65_535), aliases: ["oldListenPort"]),
        Setting("waitTime", \.wait, .duration(.milliseconds, .seconds(1)...(.seconds(60)))),
        Setting("maxSize", \.size, .bytes(1_024...(1 << 20), multipleOf: 1_024)),
        Setting("openEnable", \.isOpen, .flag),
        Setting("friendAddr", \.friends, .addresses),
        Setting("brokerIP1", \.host, orNothing: .text, inForce: { $0.host ?? "h\($0.port)" }),
        Setting("usedRatio", \.ratio, .percent(10...99)),
        Setting("level", \.level, .choice(of: [("low", 0), ("high", 1)])),
    ],
    fixed: [
        FixedSetting("lightEnable", "true", "there is no switch"),
        FixedSetting("role") { value, kitchen in
            value == "cook" || kitchen.isOpen ? .fine : .wrong("closed kitchens have cooks only")
        },
    ],
    idleKeys: ["threadNums", "gcEnable", "listenPort"],
    check: { $0.port == $0.ratio ? ["listenPort and usedRatio are both \($0.port)"] : [] })

private func file(_ text: String) throws -> PropertiesFile {
    try PropertiesFile(parsing: Array(text.utf8), name: "k.conf")
}

private func resolve(
    _ text: String = "", environment: [(name: String, value: String)] = [],
    flags: [GivenSetting] = []
) throws -> ResolvedSettings<Kitchen> {
    try table.resolve(file: file(text), environment: environment, flags: flags)
}

private func problems(
    _ text: String = "", environment: [(name: String, value: String)] = [],
    flags: [GivenSetting] = []
) throws -> String {
    do {
        _ = try resolve(text, environment: environment, flags: flags)
        return ""
    } catch let error as ConfigurationProblems {
        return error.description
    }
}

@Suite("what a flag, the environment and the file say becomes one configuration")
struct SettingsTableTests {
    @Test("flag > environment > file > default, each with who said it")
    func precedence() throws {
        let all = try resolve(
            "listenPort=2\nwaitTime=2s\nusedRatio=50",
            environment: [("APUS_LISTEN_PORT", "3"), ("APUS_WAIT_TIME", "3000"), ("PATH", "/")],
            flags: [GivenSetting("listenPort", "4", .flag("--port"))])
        #expect(all.configuration.port == 4)
        #expect(all.configuration.wait == .seconds(3))
        #expect(all.configuration.ratio == 50)
        #expect(all.configuration.size == 4_096)
        #expect(all.source(of: "listenPort") == .flag("--port"))
        #expect(all.source(of: "waitTime") == .environment("APUS_WAIT_TIME"))
        #expect(all.source(of: "usedRatio") == .file("k.conf", line: 3))
        #expect(all.source(of: "maxSize") == .byDefault)
        #expect(all.remarks == [])
    }

    @Test("the last flag counts; an empty variable says nothing; an alias is the key")
    func repeats() throws {
        let flags = ["5", "6"].map { GivenSetting("listenPort", $0, .flag("--set")) }
        #expect(try resolve(flags: flags).configuration.port == 6)
        #expect(
            try resolve("listenPort=7", environment: [("APUS_LISTEN_PORT", "")])
                .configuration.port == 7)
        #expect(
            try resolve("oldListenPort=8").source(of: "listenPort")
                == .file("k.conf", line: 1))
        #expect(try resolve(environment: [("APUS_OLD_LISTEN_PORT", "9")]).configuration.port == 9)
    }

    @Test("a key that stands twice counts with its last value, and a warning says so")
    func duplicates() throws {
        let twice = try resolve("listenPort=2\nlistenPort=3\noldListenPort=4")
        #expect(twice.configuration.port == 4)
        #expect(
            twice.remarks.map(\.text) == [
                "k.conf:2: listenPort counts, not what k.conf:1 says",
                "k.conf:3: oldListenPort counts, not what k.conf:2 says",
            ])
        #expect(twice.remarks.allSatisfy { $0.level == .warning })
    }

    @Test(
        "an unknown key is a warning that names the nearest one",
        arguments: [
            ("listenPrt=2", "k.conf:1: there is no key listenPrt; listenPort is the nearest"),
            ("LISTENPORT=2", "k.conf:1: there is no key LISTENPORT; listenPort is the nearest"),
            ("\nfriendsAddr=a", "k.conf:2: there is no key friendsAddr; friendAddr is the nearest"),
            ("treadNums=1", "k.conf:1: there is no key treadNums; threadNums is the nearest"),
            ("zebra=1", "k.conf:1: there is no key zebra; none is like it"),
        ])
    func unknown(text: String, warning: String) throws {
        let settings = try resolve(text)
        #expect(settings.configuration == Kitchen())
        #expect(settings.remarks == [ConfigurationRemark(level: .warning, text: warning)])
    }

    @Test("an unknown key of a flag is an error: nobody had a reason to write it")
    func unknownFlag() throws {
        #expect(
            try problems(flags: [GivenSetting("listnPort", "2", .flag("--set"))])
                == "--set: there is no key listnPort; listenPort is the nearest")
    }

    @Test("of variables only those are named that look like a mistake")
    func unknownVariables() throws {
        let settings = try resolve(environment: [
            ("APUS_LISTEN_PRT", "2"), ("APUS_NAME_SERVER", "a:1"), ("LISTEN_PORT", "2"),
            ("APUS_ELSE", "2"),
        ])
        #expect(settings.configuration == Kitchen())
        #expect(
            settings.remarks.map(\.text) == [
                "APUS_LISTEN_PRT: there is no such variable; APUS_LISTEN_PORT is the nearest"
            ])
    }

    @Test("keys that mean nothing here are one line")
    func idle() throws {
        let settings = try resolve("gcEnable=true\nlistenPort=2\nthreadNums=4\ngcEnable=false")
        #expect(
            settings.remarks == [
                ConfigurationRemark(
                    level: .info,
                    text: "k.conf: keys of RocketMQ that mean nothing here: gcEnable, threadNums")
            ])
    }

    @Test("what cannot be chosen is told when something else is asked for")
    func fixed() throws {
        #expect(try resolve("lightEnable=True\nrole=guest").remarks == [])
        #expect(
            try resolve("lightEnable=false").remarks.map(\.text) == [
                "k.conf:1: lightEnable=false has no effect: there is no switch"
            ])
        #expect(
            try problems("role=guest\nopenEnable=false")
                == "k.conf:1: role=guest: closed kitchens have cooks only",
            "whatever stands behind it")
    }

    @Test("all mistakes are told at once, each with its place, also where another one wins")
    func mistakes() throws {
        let told = try problems(
            "listenPort=0\nwaitTime=10x\nmaxSize=1000\nopenEnable=yes\nfriendAddr=a",
            environment: [("APUS_USED_RATIO", "100%"), ("APUS_LEVEL", "mid")],
            flags: [GivenSetting("listenPort", "x", .flag("--port"))])
        #expect(
            told.split(separator: "\n") == [
                "k.conf:1: listenPort is a number from 1 to 65535, not 0",
                "k.conf:2: waitTime is a time from 1s to 1m, in milliseconds or with one of the units ms, s, m, h and d, not 10x",
                "k.conf:3: maxSize is a size from 1KiB to 1MiB, in bytes or with one of the units KiB, MiB and GiB, not 1000",
                "k.conf:4: openEnable is true or false, not yes",
                "k.conf:5: friendAddr is a list such as host:port;host:port, not a",
                "APUS_LEVEL: level is one of low, high, not mid",
                "APUS_USED_RATIO: usedRatio is a percentage from 10 to 99, not 100%",
                "--port: listenPort is a number from 1 to 65535, not x",
            ])
        #expect(try problems("maxSize=1025").hasSuffix("maxSize is a multiple of 1KiB, not 1025"))
        #expect(try problems("waitTime=61s").hasSuffix("not 61s"))
        #expect(
            try problems("listenPort=")
                == "k.conf:1: listenPort is a number from 1 to 65535, not nothing")
    }

    @Test("settings that do not fit together are told when each is right by itself")
    func together() throws {
        #expect(try problems("listenPort=85") == "listenPort and usedRatio are both 85")
        #expect(!(try problems("listenPort=85\nwaitTime=x").contains("both")))
    }

    @Test("what is printed tells every value and its source, and is a configuration file")
    func printed() throws {
        let settings = try resolve(
            "waitTime=2500\nfriendAddr=a:1, b:2",
            environment: [("APUS_MAX_SIZE", "64KiB")],
            flags: [GivenSetting("listenPort", "2", .flag("--port"))])
        #expect(
            settings.text == """
                # Settings in force of kitchen: flag > environment > file > default

                # flag --port
                listenPort=2

                # file k.conf:1
                waitTime=2500ms

                # environment APUS_MAX_SIZE
                maxSize=64KiB

                # default
                openEnable=true

                # file k.conf:2
                friendAddr=a:1;b:2

                # default
                brokerIP1=h2
                usedRatio=85
                level=low

                """)
        var expected = settings.configuration
        expected.host = "h2"
        let again = try resolve(settings.text)
        #expect(again.configuration == expected)
        #expect(again.remarks == [])
        #expect(again.effective.map(\.value) == settings.effective.map(\.value))
    }

    @Test("blank means none where there may be none")
    func blank() throws {
        let settings = try resolve("friendAddr=a:1\nfriendAddr=\nbrokerIP1=")
        #expect(settings.configuration.friends == [])
        #expect(settings.configuration.host == nil)
    }

    @Test(
        "a key's variable has its words in capitals",
        arguments: [
            ("listenPort", "APUS_LISTEN_PORT"), ("brokerIP1", "APUS_BROKER_IP1"),
            ("namesrvAddr", "APUS_NAMESRV_ADDR"), ("ioThreads", "APUS_IO_THREADS"),
            ("controllerDLegerPeers", "APUS_CONTROLLER_D_LEGER_PEERS"),
            ("haListenPort", "APUS_HA_LISTEN_PORT"),
        ])
    func environmentNames(key: String, name: String) {
        #expect(EnvironmentName.of(key: key) == name)
    }

    @Test("distance counts letters put in, left out, exchanged and swapped")
    func distance() {
        func distance(_ left: String, _ right: String) -> Int {
            NearestKey.distance(Array(left.utf8), Array(right.utf8))
        }
        #expect(distance("", "") == 0)
        #expect(distance("", "abc") == 3)
        #expect(distance("abc", "") == 3)
        #expect(distance("port", "prot") == 1)
        #expect(distance("port", "pot") == 1)
        #expect(distance("port", "porrt") == 1)
        #expect(distance("port", "pork") == 1)
        #expect(distance("kitten", "sitting") == 3)
        #expect(NearestKey.of("flushDiskTyp", among: ["flushDiskType"]) == "flushDiskType")
        #expect(NearestKey.of("ab", among: ["xyzab"]) == nil)
        #expect(NearestKey.of("a", among: ["b", "a"]) == "a")
    }
}
